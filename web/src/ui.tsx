// SPDX-License-Identifier: Apache-2.0

// The parts that pages are made of.

import { Component, type ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Answer, Problem } from './api';
import { clock } from './format';

const paths = {
  overview: 'M3 12h4l3-8 4 16 3-8h4',
  devices: 'M4 5h16v10H4zM2 19h20',
  flows: 'M4 7h13l-3-3M20 17H7l3 3',
  agents: 'M12 3l8 4v5c0 5-3.5 8-8 9-4.5-1-8-4-8-9V7z',
  sun: 'M12 8a4 4 0 100 8 4 4 0 000-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5',
  moon: 'M20 14.5A8.5 8.5 0 119.5 4 6.5 6.5 0 0020 14.5z',
  auto: 'M12 3a9 9 0 100 18 9 9 0 000-18M12 3v18',
  help: 'M9 9a3 3 0 114 2.8c-.7.3-1 .8-1 1.7M12 17.5v.01M12 3a9 9 0 100 18 9 9 0 000-18',
  close: 'M6 6l12 12M18 6L6 18',
  search: 'M11 4a7 7 0 100 14 7 7 0 000-14M16 16l5 5',
  warning: 'M12 4l9 16H3zM12 10v4M12 17v.01',
  earlier: 'M14 6l-6 6 6 6',
  later: 'M10 6l6 6-6 6',
  table: 'M4 5h16v14H4zM4 10h16M10 5v14',
  chart: 'M4 4v16h16M8 15l4-5 3 3 5-7',
  up: 'M12 19V5M6 11l6-6 6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
};
export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

export function Panel(props: {
  title: string;
  note?: ComponentChildren;
  tools?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class={`panel ${props.class ?? ''}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.note !== undefined && <span class="note">{props.note}</span>}
        {props.tools !== undefined && <div class="tools">{props.tools}</div>}
      </header>
      {props.children}
    </section>
  );
}

// Guard keeps a fault of the page's own code within the part where it is.
export class Guard extends Component<{ children: ComponentChildren }, { fault?: string | undefined }> {
  override componentDidCatch(e: unknown) {
    console.error(e);
    this.setState({ fault: String(e) });
  }

  // Other data is another try.
  override componentDidUpdate(before: { children: ComponentChildren }) {
    if (this.state.fault !== undefined && before.children !== this.props.children) this.setState({ fault: undefined });
  }

  render() {
    const { fault } = this.state;
    if (fault === undefined) return this.props.children;
    return (
      <div class="failure" role="alert">
        <Icon name="warning" />
        <div>
          <strong>The page has a fault here.</strong>
          <p>{fault}</p>
        </div>
      </div>
    );
  }
}

// Body shows an answer, or why there is none. Old data stays in sight, dimmed while new data is on its way.
export function Body<T>(props: {
  answer: Answer<T>;
  what: string; // "The devices": for the sentence of a failure
  isEmpty?: (data: T) => boolean;
  empty?: ComponentChildren;
  rows?: number; // of the skeleton
  children: (data: T) => ComponentChildren;
}) {
  const { data, problem, loading, at, retry } = props.answer;
  if (data === undefined) {
    if (problem) return <Failure what={props.what} problem={problem} retry={retry} />;
    return <Skeleton rows={props.rows ?? 5} />;
  }
  return (
    <>
      {problem && <Failure what={props.what} problem={problem} retry={retry} since={at} />}
      <div class={loading ? 'body dim' : 'body'} aria-busy={loading}>
        <Guard>
          <Shown
            of={() => (props.isEmpty?.(data) ? <div class="empty">{props.empty}</div> : props.children(data))}
          />
        </Guard>
      </div>
    </>
  );
}

// Shown draws what of returns as a component of its own, so that a Guard around it catches its faults.
function Shown({ of }: { of: () => ComponentChildren }) {
  return <>{of()}</>;
}

function Skeleton({ rows }: { rows: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        <span key={i} />
      ))}
    </div>
  );
}

export function Failure(props: { what: string; problem: Problem; retry: () => void; since?: number }) {
  const { title, detail } = props.problem;
  return (
    <div class="failure" role="alert">
      <Icon name="warning" />
      <div>
        <strong>
          {props.what} could not be loaded: {title}
        </strong>
        {detail && <p>{detail}</p>}
        {props.since !== undefined && <p>Shown is the state of {clock(props.since)}.</p>}
      </div>
      <button type="button" onClick={props.retry}>
        Retry
      </button>
    </div>
  );
}

// Name shows text of the network: isolated, as it may hold characters that turn the direction of what surrounds it.
export function Name({ children, title }: { children: string; title?: string }) {
  return (
    <bdi class="name" title={title ?? children}>
      {children}
    </bdi>
  );
}

// Term is a value that a click adds to the filter, and one with Alt excludes.
export function Term(props: { label: string; pick?: ((exclude: boolean) => void) | undefined; title?: string }) {
  if (!props.pick) return <Name {...(props.title ? { title: props.title } : {})}>{props.label}</Name>;
  const pick = props.pick;
  return (
    <button
      type="button"
      class="term"
      title={`${props.title ?? props.label}: click shows only this, Alt-click all but this`}
      onClick={(e: MouseEvent) => {
        e.stopPropagation();
        pick(e.altKey);
      }}
    >
      <bdi>{props.label}</bdi>
    </button>
  );
}

// Spark is a small course of values, without figures: those are beside it.
export function Spark({ values, class: name = '' }: { values: number[]; class?: string }) {
  const top = Math.max(...values, 1);
  const width = 100 / Math.max(values.length - 1, 1);
  const points = values.map((v, i) => `${(i * width).toFixed(1)},${(22 - (v / top) * 20).toFixed(1)}`).join(' ');
  return (
    <svg class={`spark ${name}`} viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      {values.length > 1 && (
        <>
          <polygon points={`0,24 ${points} 100,24`} />
          <polyline points={points} />
        </>
      )}
    </svg>
  );
}

// Scroll lets a table that is wider than its place scroll; the keyboard reaches it too.
export function Scroll(props: { label: string; children: ComponentChildren; hold?: (held: boolean) => void }) {
  return (
    <div
      class="scroll"
      role="group"
      aria-label={props.label}
      tabIndex={0}
      onMouseEnter={() => props.hold?.(true)}
      onMouseLeave={() => props.hold?.(false)}
    >
      {props.children}
    </div>
  );
}

export function Card(props: {
  title: string;
  state?: 'good' | 'bad' | undefined;
  children: ComponentChildren;
  note?: ComponentChildren;
  href?: string;
  onClick?: () => void;
}) {
  const inner = (
    <>
      <h2>{props.title}</h2>
      <div class="figure">{props.children}</div>
      <div class="note">{props.note}</div>
    </>
  );
  const name = `card ${props.state ?? ''}`;
  if (props.href === undefined) return <div class={name}>{inner}</div>;
  return (
    <a
      class={name}
      href={props.href}
      onClick={(e) => {
        if (e.ctrlKey || e.metaKey || e.shiftKey) return;
        e.preventDefault();
        props.onClick?.();
      }}
    >
      {inner}
    </a>
  );
}

export function Segments<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  set: (value: T) => void;
}) {
  return (
    <div class="segments" role="group" aria-label={props.label}>
      {props.options.map(([value, label]) => (
        <button key={value} type="button" aria-pressed={value === props.value} onClick={() => props.set(value)}>
          {label}
        </button>
      ))}
    </div>
  );
}
