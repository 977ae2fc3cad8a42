// SPDX-License-Identifier: Apache-2.0

// Why there is nothing to see, and what helps.

import type { Shared } from './app';
import { parse, print, terms, withoutTerm } from './filter';
import { spans } from './url';

function parts(filter: string): string[] {
  try {
    return terms(parse(filter)).map((e) => print(e));
  } catch {
    return [filter];
  }
}

export function Empty({ what, shared }: { what: string; shared: Shared }) {
  const { view, go, agents } = shared;
  if (agents.data && agents.data.rows.length === 0) {
    return (
      <p>
        No agent reports to this sink yet. <code>weir-sink agent enrol</code> prints the command that lets one in.
      </p>
    );
  }
  if (view.filter !== '') {
    const all = parts(view.filter);
    return (
      <>
        <p>No {what} match the filter in this time range.</p>
        <p class="choices">
          {all.map((term, i) => (
            <button key={term} type="button" onClick={() => go({ filter: withoutTerm(view.filter, i) })}>
              Remove <bdi>{term}</bdi>
            </button>
          ))}
          {all.length > 1 && (
            <button type="button" onClick={() => go({ filter: '' })}>
              Remove all
            </button>
          )}
        </p>
      </>
    );
  }
  const names = Object.keys(spans);
  const wider = 'last' in view.span ? names[names.indexOf(view.span.last) + 1] : '24h';
  return (
    <>
      <p>No {what} in this time range: the agents reported none.</p>
      {wider && (
        <p class="choices">
          <button type="button" onClick={() => go({ span: { last: wider } })}>
            Show the last {spans[wider]?.label}
          </button>
        </p>
      )}
    </>
  );
}
