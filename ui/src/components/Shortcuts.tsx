import { commandKey } from '../lib/keys';
import { Dialog } from './Dialog';
import css from './Shortcuts.module.css';
import { Button } from './ui';

const GROUPS: { title: string; keys: [string, string][] }[] = [
  {
    title: 'Anywhere',
    keys: [
      [`${commandKey} K`, 'Find or do anything'],
      ['?', 'This sheet'],
      ['g h', 'Home'],
      ['g t', 'Topics'],
      ['g f', 'Flows'],
      ['g b', 'Tables'],
      ['g s', 'SQL'],
      ['g n', 'New flow'],
    ],
  },
  {
    title: 'Lists',
    keys: [
      ['/', 'Filter'],
      ['j  k  ↓  ↑', 'Next, previous row'],
      ['Enter', 'Open the row'],
      ['Esc', 'Clear the filter, close the panel'],
    ],
  },
  { title: 'SQL', keys: [[`${commandKey} Enter`, 'Run the statement']] },
];

export default function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog label="Keyboard shortcuts" onClose={onClose}>
      <div className={css.head}>
        <h2>Keyboard shortcuts</h2>
        <Button look="quiet" size="small" iconOnly icon="close" aria-label="Close" onClick={onClose} />
      </div>
      <div className={css.groups}>
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h3>{group.title}</h3>
            <dl>
              {group.keys.map(([keys, what]) => (
                <div key={keys}>
                  <dt>{what}</dt>
                  <dd>
                    {keys.split(/ +/).map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
