import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { TextField } from './Field';
import { RecordViewer } from './RecordViewer';
import { Ago, Button, StatusPill } from './ui';

afterEach(cleanup);

test('the record viewer shows numbers as sent, in tree, pretty and raw', () => {
  render(<RecordViewer text='{"id":9223372036854775807,"html":"<b>x</b>"}' />);
  expect(screen.getByText('9223372036854775807')).toBeTruthy();
  expect(screen.getByText('"<b>x</b>"')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Pretty' }));
  expect(screen.getByRole('group', { name: 'Value' }).textContent).toBe('{\n  "id": 9223372036854775807,\n  "html": "<b>x</b>"\n}');
  fireEvent.click(screen.getByRole('button', { name: 'Raw' }));
  expect(screen.getByRole('group', { name: 'Value' }).textContent).toBe('{"id":9223372036854775807,"html":"<b>x</b>"}');
});

test('what is no JSON is shown raw', () => {
  render(<RecordViewer text="not json" />);
  expect(screen.queryByRole('button', { name: 'Tree' })).toBeNull();
  expect(screen.getByText(/not as a tree: unexpected character at character 1/)).toBeTruthy();
  expect(screen.getByText('not json')).toBeTruthy();
});

test('an error belongs to its field', () => {
  render(
    <TextField name="table" label="Table" value="x" errors={[{ pointer: '/to/table', code: 'format', detail: 'Bad name.', hint: 'Write a.b.' }]} onChange={() => {}} />,
  );
  const input = screen.getByRole('textbox', { name: 'Table' });
  expect(input.getAttribute('aria-invalid')).toBe('true');
  expect(document.getElementById(input.getAttribute('aria-describedby')!)!.textContent).toContain('Bad name. Write a.b.');
});

test('a disabled button says why, stays focusable and does nothing', () => {
  const onClick = vi.fn();
  render(
    <Button why="Write a statement first" onClick={onClick}>
      Run
    </Button>,
  );
  const button = screen.getByRole('button', { name: 'Run' });
  fireEvent.click(button);
  expect(onClick).not.toHaveBeenCalled();
  expect(button.getAttribute('aria-disabled')).toBe('true');
  expect(button.title).toBe('Write a statement first');
});

test('status is a word, and a time names its instant', () => {
  const at = new Date(Date.now() - 180_000).toISOString();
  render(
    <>
      <StatusPill status={{ state: 'catching_up', since: at, why: '3 to go' }} />
      <Ago at={at} />
      <Ago at={null} />
    </>,
  );
  expect(screen.getByText('Catching up')).toBeTruthy();
  expect(screen.getByText('3 min ago').getAttribute('datetime')).toBe(at);
  expect(screen.getByText('never')).toBeTruthy();
});
