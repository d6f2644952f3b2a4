import { Link } from '@tanstack/react-router';
import type { FlowSummary } from '../api/client';
import { groupDigits, humanDuration } from '../lib/format';
import pageCss from './page.module.css';
import { Ago, STATE_ORDER, StatusPill } from './ui';

/* Worst first: what needs somebody is on top. */
export function worstFirst(flows: FlowSummary[]): FlowSummary[] {
  return [...flows].sort((a, b) => STATE_ORDER.indexOf(a.status.state) - STATE_ORDER.indexOf(b.status.state) || a.name.localeCompare(b.name));
}

export function FlowTable({ flows }: { flows: FlowSummary[] }) {
  return (
    <div className={pageCss.scroll}>
      <table className={pageCss.table}>
        <thead>
          <tr>
            <th scope="col">Flow</th>
            <th scope="col">Status</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col" className={pageCss.number}>
              Behind
            </th>
            <th scope="col" className={pageCss.number}>
              Since
            </th>
          </tr>
        </thead>
        <tbody>
          {flows.map((flow) => (
            <tr key={flow.name}>
              <td>
                <Link to="/flows/$flow" params={{ flow: flow.name }} data-row>
                  {flow.name}
                </Link>
              </td>
              <td>
                <StatusPill status={flow.status} />
              </td>
              <td className={pageCss.second}>{flow.spec.from?.topics?.join(', ') ?? flow.spec.from?.file}</td>
              <td className={pageCss.second}>{flow.spec.to?.table ?? flow.spec.to?.file ?? flow.spec.to?.topic}</td>
              <td className={pageCss.number} title={flow.lag.records === null ? 'Not known' : `${groupDigits(flow.lag.records)} events`}>
                {flow.lag.seconds === null ? '–' : flow.lag.records === '0' ? 'up to date' : humanDuration(flow.lag.seconds * 1000)}
              </td>
              <td className={pageCss.number}>
                <Ago at={flow.status.since} none="–" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
