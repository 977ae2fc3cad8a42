// SPDX-License-Identifier: Apache-2.0

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { get, Problem, query, useApi, useEvents, type Flow, type Flows } from '../api';
import type { Shared } from '../app';
import { Drawer } from '../drawer';
import { Empty } from '../empty';
import { bytes, clock, count } from '../format';
import { device, host, methods, upDown } from '../names';
import { Cell, Rows, type Column } from '../rows';
import { Body, Failure, Icon, Panel, Term } from '../ui';

const pageSize = 100; // of what is asked for anew again and again
const olderSize = 500;

const idOf = (f: Flow) => `${f.agent}/${f.record.id}`;
const seen = (f: Flow) => Date.parse(f.record.last_seen);

export function FlowsPage(shared: Shared) {
  const { view, go, range } = shared;
  const path = query('flows', { limit: pageSize, filter: view.filter, ...range });
  const [more, setMore] = useState<More>({ path, rows: [], next: undefined });
  const older = more.path === path ? more : { path, rows: [], next: undefined };
  const [isRead, setIsRead] = useState(false);
  // New flows come to the top, but not while someone reads, nor above pages that are loaded: then they wait.
  const isStill = isRead || older.rows.length > 0;
  const answer = useApi<Flows>(path, !isStill);
  const shown = useMemo(() => once([...(answer.data?.rows ?? []), ...older.rows]), [answer.data, older.rows]);
  const wait = useNewer(shared, path, shown, isStill, answer.retry);
  const next = older.rows.length > 0 ? older.next : answer.data?.next;
  const showNewer = () => {
    setMore({ path, rows: [], next: undefined });
    scrollTo(0, 0);
    answer.retry();
  };
  return (
    <div class={view.flow ? 'split' : ''}>
      <Panel
        title="Flows"
        class="wide"
        note={answer.data && (next ? `the newest ${count(shown.length)}` : count(shown.length))}
      >
        {wait && (
          <div class="newer">
            <button type="button" onClick={showNewer}>
              <Icon name="up" size={14} /> Newer flows
            </button>
          </div>
        )}
        <Body
          answer={answer}
          what="The flows"
          rows={12}
          isEmpty={() => shown.length === 0}
          empty={<Empty what="flows" shared={shared} />}
        >
          {() => (
            <Rows
              label="Flows"
              class="flows"
              columns={columns}
              items={shown}
              keyOf={idOf}
              question={path}
              hasMore={next !== undefined}
              open={(f) => go({ flow: idOf(f) })}
              opened={view.flow}
              reading={setIsRead}
              cells={(f) => <Cells f={f} shared={shared} />}
            />
          )}
        </Body>
        {next && answer.data && (
          <LoadMore
            path={query('flows', { limit: olderSize, filter: view.filter, cursor: next, from: answer.data.from, to: answer.data.to })}
            add={(page) => setMore({ path, rows: [...older.rows, ...page.rows], next: page.next })}
          />
        )}
      </Panel>
      {view.flow && (
        <Drawer
          key={view.flow}
          id={view.flow}
          known={shown.find((f) => idOf(f) === view.flow)}
          shared={shared}
          close={() => go({ flow: '' })}
        />
      )}
    </div>
  );
}

// once leaves out what was listed before: a flow that goes on moves to the top while pages are asked for.
function once(flows: Flow[]): Flow[] {
  const ids = new Set<string>();
  return flows.filter((f) => !ids.has(idOf(f)) && ids.add(idOf(f)));
}

// useNewer asks anew when newer flows are told of. While the list stands still it says that some wait instead.
function useNewer(shared: Shared, path: string, shown: Flow[], isStill: boolean, ask: () => void): boolean {
  const [waits, setWaits] = useState('');
  const asked = useRef(0);
  const isLive = 'last' in shared.view.span;
  useEvents('flows', (data) => {
    const newest = (data as Flows).rows[0];
    const top = shown[0];
    if (!isLive || !newest || (top && seen(newest) <= seen(top))) return;
    if (isStill) setWaits(path);
    else if (Date.now() - asked.current >= 3000) {
      asked.current = Date.now();
      ask();
    }
  });
  useEffect(() => {
    if (isStill || waits === '') return;
    setWaits('');
    ask();
  }, [isStill]);
  return isStill && waits === path;
}

type More = { path: string; rows: Flow[]; next: string | undefined };

// LoadMore loads older flows when the list's end comes near, and on a click.
function LoadMore({ path, add }: { path: string; add: (page: Flows) => void }) {
  const [state, setState] = useState<'idle' | 'asking' | Problem>('idle');
  const stop = useRef<AbortController | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const ask = async () => {
    stop.current?.abort();
    const { signal } = (stop.current = new AbortController());
    setState('asking');
    try {
      const page = await get<Flows>(path, signal);
      setState('idle');
      add(page);
    } catch (e) {
      if (!signal.aborted) setState(e instanceof Problem ? e : new Problem('The page failed', String(e)));
    }
  };
  useEffect(() => {
    setState('idle');
    const near = new IntersectionObserver(([entry]) => entry?.isIntersecting && (near.disconnect(), void ask()), {
      rootMargin: '800px',
    });
    if (place.current) near.observe(place.current);
    return () => {
      near.disconnect();
      stop.current?.abort();
    };
  }, [path]);
  const isAsking = state === 'asking';
  return (
    <div class="more" ref={place}>
      {state instanceof Problem ? (
        <Failure what="Older flows" problem={state} retry={() => void ask()} />
      ) : (
        <button type="button" aria-disabled={isAsking} onClick={() => isAsking || void ask()}>
          {isAsking ? 'Loading…' : 'Older flows'}
        </button>
      )}
    </div>
  );
}

const columns: Column[] = [
  { key: 'time', head: 'Last seen' },
  { key: 'device', head: 'Device' },
  { key: 'host', head: 'Host' },
  { key: 'app', head: 'Application' },
  { key: 'proto', head: 'Protocol' },
  { key: 'down', head: '↓ Down', isNumber: true },
  { key: 'up', head: '↑ Up', isNumber: true },
  { key: 'by', head: 'Named by' },
];

function Cells({ f, shared }: { f: Flow; shared: Shared }) {
  const r = f.record;
  const [up, down] = upDown(r);
  const by = (r.application && r.application_method) || r.method || 'none';
  const pick = (field: string, value: string) => (exclude: boolean) => shared.pick(field, value, exclude);
  return (
    <>
      <Cell label="Last seen" class="time">
        <time dateTime={r.last_seen}>{clock(r.last_seen)}</time>
      </Cell>
      <Cell label="Device">
        <Term
          label={device(f, shared.names)}
          title={f.device || r.client.ip}
          pick={f.device ? pick('device', f.device) : pick('ip', r.client.ip)}
        />
      </Cell>
      <Cell label="Host" class="main">
        <div class="line">
          <Term label={host(r)} pick={r.hostname ? pick('host', r.hostname) : pick('ip', r.server.ip)} />
          {r.server.port !== undefined && <span class="note port">:{r.server.port}</span>}
          {r.risks && r.risks.length > 0 && (
            <span class="tag bad" title={r.risks.join(', ')}>
              {r.risks.length === 1 ? r.risks[0] : `${r.risks.length} risks`}
            </span>
          )}
        </div>
      </Cell>
      <Cell label="Application">
        {r.application ? <Term label={r.application} pick={pick('app', r.application)} /> : <span class="note">–</span>}
      </Cell>
      <Cell label="Protocol">
        {r.protocol ? <Term label={r.protocol} pick={pick('proto', r.protocol)} /> : <span class="note">{r.ip_proto}</span>}
      </Cell>
      <Cell label="Down" class="number">{bytes(down)}</Cell>
      <Cell label="Up" class="number">{bytes(up)}</Cell>
      <Cell label="Named by">
        <span class={`tag quiet by-${by}`} title={`Named by ${methods[by] ?? by}`}>
          {by}
        </span>
      </Cell>
    </>
  );
}
