import { Link, useRouterState } from '@tanstack/react-router';
import { Page } from '../components/Page';
import { buttonClass } from '../components/ui';

export function NotFound() {
  const path = useRouterState({ select: (s) => s.location.pathname });
  return (
    <Page title="Nothing here" lede={`There is no page at ${path}.`} width="narrow">
      <div>
        <Link to="/" className={buttonClass({ look: 'accent' })}>
          Go home
        </Link>
      </div>
    </Page>
  );
}
