import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { flowsQuery, infoQuery, tablesQuery, topicsQuery } from '../api/queries';
import { FlowTable, worstFirst } from '../components/FlowTable';
import { Card, Page } from '../components/Page';
import { Ago, AsOf, Button, buttonClass, Command, CopyButton, Fault, Skeleton } from '../components/ui';
import { sendEvent } from '../lib/commands';
import { dropDraft, loadDraft } from '../lib/draft';
import { humanCount, plural } from '../lib/format';
import { newestRowsSql } from '../lib/names';
import { useRowKeys } from '../lib/rows';
import pageCss from '../components/page.module.css';
import css from './Home.module.css';

/* Says what to do next, from what is there: send an event, land a topic, look after the flows, ask the tables. */
export function Home() {
  const info = useQuery(infoQuery).data;
  const topicsAnswer = useInfiniteQuery(topicsQuery('', '-last_event_at', false));
  const flowsAnswer = useQuery(flowsQuery());
  const tables = useQuery(tablesQuery).data?.items ?? [];
  const [draft, setDraft] = useState(loadDraft);
  useRowKeys();

  const topics = topicsAnswer.data?.pages[0];
  const flows = flowsAnswer.data?.items;
  const beside = <AsOf updatedAt={topicsAnswer.dataUpdatedAt} />;
  if (!topics) {
    return (
      <Page title="Home" heading="The Data Highway" width="narrow">
        {topicsAnswer.isError ? (
          <Fault error={topicsAnswer.error} what="The highway could not be asked" onRetry={() => void topicsAnswer.refetch()} />
        ) : (
          <Skeleton width="100%" height={220} />
        )}
      </Page>
    );
  }

  /* Empty places for set-aside events are no news. */
  const shownTopics = topics.items.filter((t) => !(t.name.startsWith('dlq.') && t.messages === '0'));
  const unlanded = topics.items.find((t) => t.flows.length === 0 && t.messages !== '0' && !t.name.startsWith('dlq.'));
  const failing = flows?.find((f) => f.status.state === 'failing');
  const unfinished = draft !== null && draft.touched.length > 0 ? draft : null;
  const newest = tables.reduce<(typeof tables)[number] | null>((a, t) => (a === null || (t.updated_at ?? '') > (a.updated_at ?? '') ? t : a), null);
  const command = sendEvent(info, 'web.clicks');

  return (
    <Page title="Home" heading="The Data Highway" width="narrow" beside={beside}>
      {unfinished && (
        <div className={css.draft}>
          <span>
            You began a flow{unfinished.topic && ` for ${unfinished.topic}`} <Ago at={new Date(unfinished.savedAt).toISOString()} />.
          </span>
          <span className={pageCss.actions}>
            <Link to="/flows/new" search={{ topic: unfinished.topic || undefined }} className={buttonClass({ size: 'small' })}>
              Go on with it
            </Link>
            <Button
              look="quiet"
              size="small"
              onClick={() => {
                dropDraft();
                setDraft(null);
              }}
            >
              Drop it
            </Button>
          </span>
        </div>
      )}
      {topics.total === 0 ? (
        <section className={css.next} aria-label="What to do next">
          <p>Send your first event: its topic appears by itself, and from there it is a few clicks to a table.</p>
          <div>
            <Command label="Send an event" text={command} />
          </div>
          <div className={css.buttons}>
            <CopyButton look="accent" size="large" text={command} label="Copy the command" words="Copy the command" />
            <span className={css.wait}>
              <span className={css.lanes} aria-hidden="true" />
              Waiting for the first event
            </span>
          </div>
        </section>
      ) : (
        <section className={css.next} aria-label="What to do next">
          {failing ? (
            <>
              <p>
                The flow {failing.name} is failing: {failing.status.why}
              </p>
              <Link to="/flows/$flow" params={{ flow: failing.name }} className={buttonClass({ look: 'accent', size: 'large' })}>
                See what to do
              </Link>
            </>
          ) : unlanded ? (
            <>
              <p>
                <Link to="/topics/$topic" params={{ topic: unlanded.name }}>
                  {unlanded.name}
                </Link>{' '}
                holds {plural(unlanded.messages, 'event')}. Land them in a warehouse table, and ask them anything in SQL.
              </p>
              <Link to="/flows/new" search={{ topic: unlanded.name }} className={buttonClass({ look: 'accent', size: 'large' })}>
                Land {unlanded.name.length > 40 ? 'it' : unlanded.name} in a table
              </Link>
            </>
          ) : newest ? (
            <>
              <p>
                Every topic lands somewhere. The table {newest.name} was written last, <Ago at={newest.updated_at} />.
              </p>
              <Link to="/sql" search={{ q: newestRowsSql(newest.name) }} className={buttonClass({ look: 'accent', size: 'large' })}>
                Look at its newest rows
              </Link>
            </>
          ) : (
            <>
              <p>{plural(topics.total, 'topic')} here. Look at what comes in, then land it in a table.</p>
              <Link to="/topics" className={buttonClass({ look: 'accent', size: 'large' })}>
                See the topics
              </Link>
            </>
          )}
        </section>
      )}
      {flows && flows.length > 0 && (
        <Card pad={false} title="Flows, worst first" tools={<Link to="/flows">All {flows.length}</Link>}>
          <FlowTable flows={worstFirst(flows).slice(0, 6)} />
        </Card>
      )}
      {shownTopics.length > 0 && (
        <Card pad={false} title="Topics, newest events first" tools={<Link to="/topics">All {topics.total}</Link>}>
          <div className={pageCss.scroll}>
            <table className={pageCss.table}>
              <thead>
                <tr>
                  <th scope="col">Topic</th>
                  <th scope="col" className={pageCss.number}>
                    Messages
                  </th>
                  <th scope="col" className={pageCss.number}>
                    Last event
                  </th>
                </tr>
              </thead>
              <tbody>
                {shownTopics.slice(0, 6).map((t) => (
                  <tr key={t.name}>
                    <td>
                      <Link to="/topics/$topic" params={{ topic: t.name }} data-row>
                        {t.name}
                      </Link>
                    </td>
                    <td className={pageCss.number}>{humanCount(t.messages)}</td>
                    <td className={pageCss.number}>
                      <Ago at={t.last_event_at} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Card>
      )}
    </Page>
  );
}
