// SPDX-License-Identifier: Apache-2.0

// A long table of which only the rows near those in sight are drawn; gaps stand for the others. The window scrolls it,
// so its scroll bar tells where in the list one is.

import { Component, createRef, type ComponentChildren, type TargetedKeyboardEvent } from 'preact';

const beyond = 12; // rows that are drawn above and below those in sight
const stride = 8; // rows by which the drawn part moves: not each pixel of a scroll draws anew

export type Part = { first: number; end: number };

// partOf is which of count rows to draw in a window of that height, when the list begins at top in it.
export function partOf(count: number, top: number, rowHeight: number, window: number): Part {
  const snap = (rows: number, round: (n: number) => number) =>
    Math.min(Math.max(round(rows / stride) * stride, 0), count);
  const first = Math.min(snap(-top / rowHeight - beyond, Math.floor), snap(count - beyond, Math.floor));
  return { first, end: Math.max(snap((window - top) / rowHeight + beyond, Math.ceil), Math.min(first + beyond, count)) };
}

// partsOf are the runs of rows to draw: the part in sight, and a row elsewhere that has the focus, which else were lost.
export function partsOf(part: Part, active: number): Part[] {
  if (active < 0 || (active >= part.first && active < part.end)) return [part];
  const alone = { first: active, end: active + 1 };
  return active < part.first ? [alone, part] : [part, alone];
}

// kept finds the row that was read, or else the first below it that is still there: its index before, and now.
export function kept(before: readonly string[], read: number, now: ReadonlyMap<string, number>): [number, number] | null {
  for (let i = read; i < before.length; i++) {
    const is = now.get(before[i] ?? '');
    if (is !== undefined) return [i, is];
  }
  return null;
}

// The table whose rows the keys j and k walk through.
let walked: { step: (by: 1 | -1) => void } | undefined;
export const stepRow = (by: 1 | -1) => walked?.step(by);

export type Column = { key: string; head: ComponentChildren; isNumber?: boolean; sorted?: boolean };

type Props<T> = {
  label: string;
  class: string;
  columns: readonly Column[];
  items: readonly T[];
  keyOf: (item: T) => string;
  question: string; // what the items answer: the answer to another begins at its top
  hasMore?: boolean; // than items
  open: (item: T) => void;
  opened?: string; // key of the row whose details are in sight
  reading?: (is: boolean) => void; // whether someone reads rows, so that they had better stay
  cells: (item: T) => ComponentChildren;
};

type Index = { keys: readonly string[]; of: ReadonlyMap<string, number> };
type State = Part & { height: number; active: string | undefined };
type Before = { shown: Index; read: number; isFocused: boolean };

export class Rows<T> extends Component<Props<T>, State> {
  override state: State = { first: 0, end: 48, height: 37, active: undefined };
  private body = createRef<HTMLTableSectionElement>();
  private items: readonly T[] | undefined;
  private index: Index = { keys: [], of: new Map() }; // of items
  private shown: Index = this.index; // of those in the document
  private isFocused = false;
  private isPointed = false;
  private isRead = false;
  private toFocus: string | undefined; // key of a row to focus once it is drawn
  private watch = new ResizeObserver(() => this.measure());

  override componentDidMount() {
    walked = this;
    this.shown = this.index;
    addEventListener('scroll', this.look, { passive: true });
    addEventListener('resize', this.look);
    if (this.body.current) this.watch.observe(this.body.current);
    this.measure();
  }

  override componentWillUnmount() {
    if (walked === this) walked = undefined;
    removeEventListener('scroll', this.look);
    removeEventListener('resize', this.look);
    this.watch.disconnect();
    if (this.isRead) this.props.reading?.(false);
  }

  override getSnapshotBeforeUpdate(): Before {
    const { shown, isFocused } = this;
    const focused = isFocused ? shown.of.get(this.state.active ?? '') : undefined;
    return { shown, read: focused ?? Math.ceil(-this.top() / this.state.height), isFocused };
  }

  override componentDidUpdate(props: Props<T>, _: State, before: Before) {
    this.shown = this.index;
    if (props.question !== this.props.question) {
      if (this.top() < 0) scrollTo(0, 0);
    } else if (before.shown !== this.shown) this.keep(before);
    this.measure();
    if (this.toFocus !== undefined) this.focusRow();
  }

  // keep leaves what is read where it is when rows come or go above it. At the top of the list new rows come into sight.
  private keep({ shown, read, isFocused }: Before) {
    if (read <= 0 && !isFocused) return;
    const found = kept(shown.keys, Math.max(read, 0), this.shown.of);
    if (found) scrollBy(0, (found[1] - found[0]) * this.state.height);
    // A row that is gone leaves the focus to the one in its place.
    if (isFocused && !this.body.current?.contains(document.activeElement)) this.focus(found?.[1] ?? read);
  }

  private top = () => this.body.current?.getBoundingClientRect().top ?? 0;

  // look draws what has come into sight.
  private look = () => {
    const { first, end, height } = this.state;
    const part = partOf(this.index.keys.length, this.top(), height, innerHeight);
    if (part.first !== first || part.end !== end) this.setState(part);
    this.tell();
  };

  private tell() {
    const isRead = this.isFocused || this.isPointed || this.top() < 0;
    if (isRead === this.isRead) return;
    this.isRead = isRead;
    this.props.reading?.(isRead);
  }

  // All rows of a table are of one height, which depends on the window's width and the browser's font.
  private measure() {
    const height = this.body.current?.querySelector('tr[data-row]')?.getBoundingClientRect().height ?? 0;
    if (height > 0 && Math.abs(height - this.state.height) > 0.1) this.setState({ height });
    else this.look();
  }

  private focus(index: number) {
    const { keys } = this.index;
    const key = keys[Math.min(Math.max(index, 0), keys.length - 1)];
    if (key === undefined) return;
    this.toFocus = key;
    this.setState({ active: key }); // it is drawn, wherever it is
  }

  private focusRow() {
    const row = this.row(this.index.of.get(this.toFocus ?? '') ?? -1);
    if (!row) return;
    this.toFocus = undefined;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: 'nearest' });
  }

  private row = (index: number) => this.body.current?.querySelector<HTMLElement>(`tr[data-row="${index}"]`);

  // entry is the row where Tab, or a key that walks, enters the list: that which had the focus, else one in sight.
  private entry(): number {
    const { active, first } = this.state;
    const inSight = first > 0 ? first + beyond + stride : 0;
    return this.index.of.get(active ?? '') ?? Math.min(inSight, this.index.keys.length - 1);
  }

  step(by: number) {
    this.focus(this.isFocused ? this.entry() + by : this.entry());
  }

  private onKeyDown = (e: TargetedKeyboardEvent<HTMLElement>) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return;
    const page = Math.max(Math.floor(innerHeight / this.state.height) - 3, 1);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    const by = steps[e.key];
    if (by === undefined) return;
    e.preventDefault();
    this.step(by);
  };

  private onFocusIn = (e: FocusEvent) => {
    this.isFocused = true;
    const index = (e.target as HTMLElement).closest<HTMLElement>('tr[data-row]')?.dataset['row'];
    const key = this.shown.keys[Number(index)];
    if (key !== this.state.active) this.setState({ active: key });
    this.tell();
  };

  private onFocusOut = (e: FocusEvent) => {
    // A row that leaves the document loses the focus to nothing: keep gives it back.
    this.isFocused = this.body.current?.contains(e.relatedTarget as Node | null) ?? false;
    this.tell();
  };

  private point = (e: PointerEvent, isPointed: boolean) => {
    if (e.pointerType !== 'mouse') return; // a finger does not rest on what is read
    this.isPointed = isPointed;
    this.tell();
  };

  render() {
    const { items, keyOf, columns } = this.props;
    if (items !== this.items) {
      const keys = items.map(keyOf);
      this.index = { keys, of: new Map(keys.map((key, i) => [key, i])) };
      this.items = items;
    }
    const { first, end, active } = this.state;
    const part = { first: Math.min(first, items.length), end: Math.min(end, items.length) };
    const runs = partsOf(part, this.index.of.get(active ?? '') ?? -1);
    const entry = this.entry();
    return (
      <table
        role="grid"
        class={`rows ${this.props.class}`}
        aria-label={this.props.label}
        aria-rowcount={this.props.hasMore ? -1 : items.length + 1}
        aria-colcount={columns.length}
      >
        <thead role="rowgroup">
          <tr role="row" aria-rowindex={1}>
            {columns.map((c) => (
              <th
                key={c.key}
                role="columnheader"
                scope="col"
                class={`${c.key} ${c.isNumber ? 'number' : ''}`}
                aria-sort={c.sorted === undefined ? undefined : c.sorted ? 'descending' : 'none'}
              >
                {c.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody
          ref={this.body}
          role="rowgroup"
          onKeyDown={this.onKeyDown}
          onFocusIn={this.onFocusIn}
          onFocusOut={this.onFocusOut}
          onPointerEnter={(e) => this.point(e, true)}
          onPointerLeave={(e) => this.point(e, false)}
        >
          {runs.flatMap((run, i) => [
            this.gap(run.first - (runs[i - 1]?.end ?? 0), i),
            ...items.slice(run.first, run.end).map((item, j) => this.drawRow(item, run.first + j, entry)),
          ])}
          {this.gap(items.length - (runs.at(-1)?.end ?? 0), runs.length)}
        </tbody>
      </table>
    );
  }

  private gap(rows: number, nth: number) {
    if (rows <= 0) return null;
    return (
      <tr key={`gap ${nth}`} class="gap" role="presentation" aria-hidden="true">
        <td style={{ height: `${rows * this.state.height}px` }} />
      </tr>
    );
  }

  private drawRow(item: T, index: number, entry: number) {
    const { open, opened, cells } = this.props;
    const key = this.index.keys[index];
    return (
      <tr
        key={key}
        role="row"
        data-row={index}
        aria-rowindex={index + 2}
        aria-selected={key === opened}
        class={key === opened ? 'open' : ''}
        tabIndex={index === entry ? 0 : -1}
        onClick={() => open(item)}
        onKeyDown={(e) => e.key === 'Enter' && e.target === e.currentTarget && open(item)}
      >
        {cells(item)}
      </tr>
    );
  }
}

// Cell is one of a row; on a phone, where rows are cards, its label is beside it.
export function Cell(props: { label: string; class?: string; children?: ComponentChildren }) {
  return (
    <td role="gridcell" data-label={props.label} class={props.class}>
      {props.children}
    </td>
  );
}
