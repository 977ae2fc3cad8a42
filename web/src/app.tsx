// SPDX-License-Identifier: Apache-2.0

// The frame of all pages: rail, top bar, keys.

import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { query, useApi, useEvents, useSignedOut, useStreamFilter, useStreamOpen } from './api';
import type { Agents, Answer, Devices } from './api';
import { withTerm } from './filter';
import { FilterBar } from './filterbar';
import { ago, dateTime, plural } from './format';
import { deviceNames, type Names } from './names';
import { AgentsPage, isLate, useSinkNow } from './pages/agents';
import { DevicesPage } from './pages/devices';
import { FlowsPage } from './pages/flows';
import { Overview } from './pages/overview';
import { stepRow } from './rows';
import { useKeysSetting, useTheme, type Theme } from './theme';
import { Guard, Icon } from './ui';
import { move, pages, seconds, spanQuery, spans, useView, write, type Go, type Page, type View } from './url';

// Shared is what pages have in common.
export type Shared = {
  view: View;
  go: Go;
  range: Record<string, string>; // the span as parameters of the API
  names: Names;
  devices: Answer<Devices>;
  agents: Answer<Agents>;
  theme: string;
  pick: (field: string, value: string, exclude: boolean) => void;
};

const titles: Record<Page, string> = { overview: 'Overview', devices: 'Devices', flows: 'Flows', agents: 'Agents' };

export function App() {
  const [view, go] = useView();
  const [theme, shownTheme, setTheme] = useTheme();
  const [keys, setKeys] = useKeysSetting();
  const help = useRef<HTMLDialogElement>(null);
  const bar = useRef<HTMLElement>(null);
  useBarHeight(bar);
  const range = spanQuery(view.span);
  const devices = useApi<Devices>(query('devices', { limit: view.page === 'devices' ? 10_000 : undefined, ...range }));
  const agents = useApi<Agents>('agents');
  useEvents('agents', (data) => agents.put(data as Agents));
  useStreamFilter(view.filter);
  const names = useMemo(() => deviceNames(devices.data?.rows), [devices.data]);
  const signedOut = useSignedOut();
  useEffect(() => {
    document.title = `${titles[view.page]} – weir`;
  }, [view.page]);
  useKeys(keys, view, go, () => help.current?.showModal());
  const pick = (field: string, value: string, exclude: boolean) =>
    go({ filter: withTerm(view.filter, field, value, exclude) });
  const shared: Shared = { view, go, range, names, devices, agents, theme: shownTheme, pick };
  if (signedOut) return <SignedOut />;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Rail view={view} go={go}>
        <ThemeButton theme={theme} set={setTheme} />
        <button type="button" aria-label="Keys and help" title="Keys and help (?)" onClick={() => help.current?.showModal()}>
          <Icon name="help" />
        </button>
      </Rail>
      <div class="page">
        <header class="bar" ref={bar}>
          <h1>{titles[view.page]}</h1>
          {view.page !== 'agents' && <SpanPicker view={view} go={go} />}
          {view.page !== 'agents' && (
            <FilterBar filter={view.filter} span={view.span} names={names} set={(filter) => go({ filter })} />
          )}
          <Live />
        </header>
        <Stale agents={agents} />
        <main id="main" tabIndex={-1}>
          <Guard key={view.page}>
            {view.page === 'overview' && <Overview {...shared} />}
            {view.page === 'devices' && <DevicesPage {...shared} />}
            {view.page === 'flows' && <FlowsPage {...shared} />}
            {view.page === 'agents' && <AgentsPage {...shared} />}
          </Guard>
        </main>
      </div>
      <dialog ref={help} aria-labelledby="help-title">
        <Help keys={keys} setKeys={setKeys} close={() => help.current?.close()} />
      </dialog>
    </>
  );
}

// useBarHeight tells the style sheet what the bar covers of the window: heads of tables stop below it.
function useBarHeight(bar: { current: HTMLElement | null }) {
  useEffect(() => {
    const { current } = bar;
    if (!current) return;
    const watch = new ResizeObserver(() => {
      const covers = getComputedStyle(current).position === 'sticky' ? current.offsetHeight : 0;
      document.documentElement.style.setProperty('--bar', `${covers}px`);
    });
    watch.observe(current);
    return () => watch.disconnect();
  }, []);
}

function Rail(props: { view: View; go: Go; children: ComponentChildren }) {
  return (
    <nav class="rail" aria-label="Pages">
      <span class="brand">
        <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M5 11c3.5-3 7-3 11 0s7.5 3 11 0M5 17c3.5-3 7-3 11 0s7.5 3 11 0M5 23c3.5-3 7-3 11 0s7.5 3 11 0" />
        </svg>
        weir
      </span>
      {pages.map((page) => {
        const target = { ...props.view, page, sort: '', flow: '' };
        return (
          <a
            key={page}
            href={write(target)}
            aria-current={props.view.page === page ? 'page' : undefined}
            onClick={(e) => {
              if (e.ctrlKey || e.metaKey || e.shiftKey) return;
              e.preventDefault();
              props.go({ page, sort: '', flow: '' });
              scrollTo(0, 0);
            }}
          >
            <Icon name={page} />
            <span>{titles[page]}</span>
          </a>
        );
      })}
      <div class="settings">{props.children}</div>
    </nav>
  );
}

const nextTheme: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
const themeNames: Record<Theme, string> = { auto: 'as the system', light: 'light', dark: 'dark' };

function ThemeButton({ theme, set }: { theme: Theme; set: (theme: Theme) => void }) {
  const label = `Colours: ${themeNames[theme]}`;
  return (
    <button type="button" aria-label={label} title={label} onClick={() => set(nextTheme[theme])}>
      <Icon name={theme === 'auto' ? 'auto' : theme === 'light' ? 'sun' : 'moon'} />
    </button>
  );
}

function SpanPicker({ view, go }: { view: View; go: Go }) {
  const now = Date.now() / 1000;
  const shift = (by: -1 | 1) => go({ span: move(view.span, by, Date.now() / 1000) });
  const isNow = 'last' in view.span;
  return (
    <div class="span" role="group" aria-label="Time range">
      <button type="button" aria-label="Earlier" title="Earlier ([)" onClick={() => shift(-1)}>
        <Icon name="earlier" size={16} />
      </button>
      <select
        id="span"
        aria-label="Time range"
        value={'last' in view.span ? view.span.last : 'between'}
        onChange={(e) => go({ span: { last: e.currentTarget.value } })}
      >
        {!('last' in view.span) && (
          <option value="between">
            {dateTime(view.span.from * 1000)} – {dateTime(view.span.to * 1000)}
          </option>
        )}
        {Object.entries(spans).map(([name, s]) => (
          <option key={name} value={name}>
            Last {s.label}
          </option>
        ))}
      </select>
      <button
        type="button"
        aria-label="Later"
        title="Later (])"
        disabled={isNow || seconds(view.span) > now}
        onClick={() => shift(1)}
      >
        <Icon name="later" size={16} />
      </button>
    </div>
  );
}

function Live() {
  const open = useStreamOpen();
  return (
    <span class={open ? 'live on' : 'live'} title={open ? 'New flows come as they are stored' : 'Asking every 15 s'}>
      {open ? 'live' : 'polling'}
    </span>
  );
}

// Stale tells that what is shown ends earlier than it seems: an agent is late.
function Stale({ agents }: { agents: Answer<Agents> }) {
  const now = useSinkNow(agents);
  const late = (agents.data?.rows ?? []).filter((a) => isLate(a, now));
  if (late.length === 0) return null;
  return (
    <p class="stale" role="status">
      <Icon name="warning" size={16} />
      <span>
        {late.length === 1 && late[0] ? (
          <>
            Agent <bdi>{late[0].name || late[0].agent.slice(0, 8)}</bdi> is late: its last report came{' '}
            {ago(Date.parse(late[0].received), now)}.
          </>
        ) : (
          `${plural(late.length, 'agent is', 'agents are')} late.`
        )}{' '}
        What it saw since then is not shown yet.
      </span>
    </p>
  );
}

function SignedOut() {
  return (
    <main class="alone">
      <h1>This session has ended</h1>
      <p>
        The page opens with a one-time link. Run <code>weir-sink link</code> on the machine of the sink for a new one.
      </p>
    </main>
  );
}

const keyList: [string, string][] = [
  ['/ or f', 'filter'],
  ['t', 'time range'],
  ['[ and ]', 'earlier, later'],
  ['g then o, d, f, a', 'go to Overview, Devices, Flows, Agents'],
  ['j and k', 'next and previous row'],
  ['↑ ↓ Page Home End', 'the same, in larger steps too'],
  ['Enter', 'open the row'],
  ['Esc', 'close what is open'],
  ['?', 'this list'],
];

function Help(props: { keys: boolean; setKeys: (on: boolean) => void; close: () => void }) {
  return (
    <>
      <h2 id="help-title">Keys</h2>
      <dl>
        {keyList.map(([key, what]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p>A click on a name shows only this, a click with Alt all but this. In the chart, drag to zoom.</p>
      <label>
        <input type="checkbox" checked={props.keys} onChange={(e) => props.setKeys(e.currentTarget.checked)} /> Keys
        are on
      </label>
      <button type="button" onClick={props.close}>
        Close
      </button>
    </>
  );
}

function useKeys(on: boolean, view: View, go: Go, help: () => void) {
  const latest = useRef({ view, go, help });
  latest.current = { view, go, help };
  useEffect(() => {
    if (!on) return;
    let isGo = 0; // when g was pressed
    const pressed = (e: KeyboardEvent) => {
      const { view, go, help } = latest.current;
      const target = e.target as HTMLElement;
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
      if (target.closest('input, select, textarea, dialog')) return;
      const focus = (id: string) => document.getElementById(id)?.focus();
      const page = { o: 'overview', d: 'devices', f: 'flows', a: 'agents' }[e.key] as Page | undefined;
      if (isGo && e.timeStamp - isGo < 1500 && page) {
        isGo = 0;
        e.preventDefault();
        go({ page, sort: '', flow: '' });
        return;
      }
      isGo = 0;
      const actions: Record<string, () => void> = {
        g: () => (isGo = e.timeStamp),
        '/': () => focus('filter'),
        f: () => focus('filter'),
        t: () => focus('span'),
        j: () => stepRow(1),
        k: () => stepRow(-1),
        '[': () => go({ span: move(view.span, -1, Date.now() / 1000) }),
        ']': () => go({ span: move(view.span, 1, Date.now() / 1000) }),
        '?': help,
        Escape: () => view.flow && go({ flow: '' }),
      };
      const action = actions[e.key];
      if (!action) return;
      e.preventDefault();
      action();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, [on]);
}
