// SPDX-License-Identifier: Apache-2.0

// The filter's input, with completion of fields and of the values that the range has.

import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { get, query, type Top } from './api';
import { FilterError, parse, quote } from './filter';
import type { Names } from './names';
import { Icon } from './ui';
import { dimensions, spanQuery, type Span } from './url';
import { fieldOf, fields } from './value';

type Choice = { text: string; note: string };
// Completion is what may stand at a place of the text: from begin to the cursor.
type Completion = { begin: number; choices: Choice[] };

const most = 8;

// wordBefore is the part that is being written, up to the cursor.
export function wordBefore(text: string, cursor: number): { begin: number; field: string; part: string } {
  const before = text.slice(0, cursor);
  const [, , field = '', part = ''] = /(^|[\s(])([a-z_]+)(?::|!?=)\s*("[^"]*|[^\s()"]*)$/i.exec(before) ?? [];
  if (field !== '') return { begin: cursor - part.length, field, part: part.replace(/^"/, '') };
  const word = /[^\s()"]*$/.exec(before)?.[0] ?? '';
  return { begin: cursor - word.length, field: '', part: word };
}

// Values of a field are the busiest of the range. They are asked for once while the range stays.
function useValues(span: Span): (field: string) => Promise<string[]> {
  const asked = useRef(new Map<string, Promise<string[]>>());
  const range = JSON.stringify(span);
  useEffect(() => asked.current.clear(), [range]);
  return (field) => {
    const known = fieldOf(field);
    if (known?.values) return Promise.resolve(known.values);
    if (!known || !Object.hasOwn(dimensions, known.name)) return Promise.resolve([]);
    let values = asked.current.get(known.name);
    if (!values) {
      const path = query('top', { by: known.name, limit: 200, ...spanQuery(span) });
      values = get<Top>(path, new AbortController().signal).then(
        (top) => top.rows.map((row) => row.key),
        () => [],
      );
      asked.current.set(known.name, values);
    }
    return values;
  };
}

function choices(field: string, part: string, values: string[], names: Names): Choice[] {
  const wanted = part.toLowerCase();
  if (field === '') {
    if (part === '') return fields.slice(0, most).map((f) => ({ text: `${f.name}:`, note: f.expected }));
    const words = ['AND', 'OR', 'NOT'].map((text) => ({ text: `${text} `, note: '' }));
    return [...fields.map((f) => ({ text: `${f.name}:`, note: f.expected })), ...words]
      .filter((c) => c.text.toLowerCase().startsWith(wanted) && c.text.toLowerCase() !== wanted)
      .slice(0, most);
  }
  return values
    .map((v) => ({ text: `${quote(v)} `, note: v === '' ? 'none known' : (names.get(v) ?? '') }))
    .filter((c) => `${c.text} ${c.note}`.toLowerCase().includes(wanted) && c.text.trim() !== part)
    .slice(0, most);
}

export function mistake(text: string): FilterError | undefined {
  try {
    parse(text);
    return undefined;
  } catch (e) {
    if (e instanceof FilterError) return e;
    throw e;
  }
}

export function FilterBar(props: { filter: string; span: Span; names: Names; set: (filter: string) => void }) {
  const [text, setText] = useState(props.filter);
  const [open, setOpen] = useState<Completion>();
  const [active, setActive] = useState(-1);
  const [error, setError] = useState<FilterError>();
  const input = useRef<HTMLInputElement>(null);
  const latest = useRef(0);
  const valuesOf = useValues(props.span);
  const id = useId();
  useEffect(() => {
    setText(props.filter);
    setError(mistake(props.filter));
  }, [props.filter]);

  const suggest = async () => {
    const element = input.current;
    if (!element) return;
    const mine = ++latest.current;
    const { begin, field, part } = wordBefore(element.value, element.selectionStart ?? element.value.length);
    const list = choices(field, part, await valuesOf(field), props.names);
    if (mine !== latest.current || document.activeElement !== element) return;
    setActive(-1);
    setOpen(list.length ? { begin, choices: list } : undefined);
  };
  const close = () => {
    latest.current++;
    setOpen(undefined);
    setActive(-1);
  };
  const apply = (value: string) => {
    close();
    const wrong = mistake(value);
    setError(wrong);
    if (!wrong && value.trim() !== props.filter) props.set(value.trim());
  };
  const take = (choice: Choice) => {
    const element = input.current;
    if (!element || !open) return;
    const cursor = element.selectionStart ?? element.value.length;
    const head = element.value.slice(0, open.begin) + choice.text;
    const value = head + element.value.slice(cursor).trimStart();
    setText(value);
    element.value = value;
    element.setSelectionRange(head.length, head.length);
    element.focus();
    void suggest();
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const length = open?.choices.length ?? 0;
    if (e.key === 'Escape') {
      e.stopPropagation();
      if (open) close();
      else if (text !== props.filter) {
        setText(props.filter);
        setError(mistake(props.filter));
      } else input.current?.blur();
    } else if (e.key === 'Enter') {
      e.preventDefault();
      const choice = open?.choices[active];
      if (choice) take(choice);
      else apply(text);
    } else if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      if (!open) void suggest();
      else setActive((active + (e.key === 'ArrowDown' ? 1 : active < 0 ? 0 : -1) + length) % length);
    } else if (e.key === 'Tab' && open && active >= 0 && !e.shiftKey) {
      e.preventDefault();
      const choice = open.choices[active];
      if (choice) take(choice);
    }
  };
  return (
    <div class="filter" role="search">
      <Icon name="search" size={16} />
      <input
        ref={input}
        id="filter"
        type="text"
        role="combobox"
        aria-label="Filter"
        aria-autocomplete="list"
        aria-expanded={open !== undefined}
        aria-controls={`${id}list`}
        aria-activedescendant={active < 0 ? undefined : `${id}${active}`}
        aria-invalid={error !== undefined}
        aria-describedby={error ? `${id}error` : undefined}
        placeholder="Filter: app:youtube AND port!=443"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        maxLength={1024}
        value={text}
        onInput={(e) => {
          setText(e.currentTarget.value);
          setError(undefined);
          void suggest();
        }}
        onClick={() => void suggest()}
        onKeyDown={onKeyDown}
        onBlur={() => apply(text)}
      />
      {text !== '' && (
        <button
          type="button"
          class="clear"
          aria-label="Clear the filter"
          onMouseDown={(e) => e.preventDefault()}
          onClick={() => {
            setText('');
            apply('');
          }}
        >
          <Icon name="close" size={14} />
        </button>
      )}
      <ul id={`${id}list`} role="listbox" aria-label="Completions" hidden={!open}>
        {open?.choices.map((choice, i) => (
          <li
            key={choice.text}
            id={`${id}${i}`}
            role="option"
            aria-selected={i === active}
            onMouseDown={(e) => {
              e.preventDefault();
              take(choice);
            }}
          >
            <bdi>{choice.text.trim()}</bdi> <bdi class="note">{choice.note}</bdi>
          </li>
        ))}
      </ul>
      {error && (
        <p id={`${id}error`} class="mistake" role="alert">
          Character {error.position + 1}: {error.message}
        </p>
      )}
    </div>
  );
}
