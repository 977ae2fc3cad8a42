// SPDX-License-Identifier: Apache-2.0

// All that is known of a flow.

import { useEffect, useRef, useState } from 'preact/hooks';
import { useApi, type Answer, type Flow, type FlowAnswer, type Json, type JsonObject } from './api';
import type { Shared } from './app';
import { bits, bytes, dateTime, duration } from './format';
import { application, device, host, upDown } from './names';
import { Body, Icon, Name, Term } from './ui';

export function Drawer(props: { id: string; known: Flow | undefined; shared: Shared; close: () => void }) {
  const path = props.id.split('/').map(encodeURIComponent).join('/');
  const answer = useApi<FlowAnswer>(`flows/${path}`);
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // Where the drawer covers the table, it takes the focus; the row gets it back.
    const before = document.activeElement;
    first.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const current = { ...answer, data: answer.data ?? props.known } as Answer<Flow | FlowAnswer>;
  return (
    <div
      class="drawer"
      role="dialog"
      aria-label="Flow"
      onKeyDown={(e) => {
        if (e.key !== 'Escape') return;
        e.stopPropagation();
        props.close();
      }}
    >
      <header>
        <h2>Flow</h2>
        <button ref={first} type="button" aria-label="Close" onClick={props.close}>
          <Icon name="close" />
        </button>
      </header>
      <Body answer={current} what="The flow" rows={10}>
        {(flow) => <Detail f={flow} shared={props.shared} />}
      </Body>
    </div>
  );
}

function Detail({ f, shared }: { f: Flow | FlowAnswer; shared: Shared }) {
  const r = f.record;
  const [up, down] = upDown(r);
  const length = (Date.parse(r.last_seen) - Date.parse(r.first_seen)) / 1000;
  const rate = length > 0 ? `, ${bits(((up + down) * 8) / length)} on average` : '';
  const pick = (field: string, value: string) => (exclude: boolean) => shared.pick(field, value, exclude);
  return (
    <>
      <p class="lead">
        <Name>{device(f, shared.names)}</Name> → <Name>{host(r)}</Name>
      </p>
      <p class="note">
        {application(r) || 'unknown'} · ↓ {bytes(down)} ↑ {bytes(up)} in {duration(length)}
        {rate}
      </p>
      {'why' in f && f.why.length > 0 && (
        <>
          <h3>Why</h3>
          <ul class="why">
            {f.why.map((sentence) => (
              <li key={sentence}>
                <bdi>{sentence}</bdi>
              </li>
            ))}
          </ul>
        </>
      )}
      {r.risks && r.risks.length > 0 && (
        <>
          <h3>Risks</h3>
          <ul class="risks">
            {r.risks.map((risk) => {
              const told = 'why' in f ? f.risks.find((each) => each.risk === risk) : undefined;
              return (
                <li key={risk}>
                  <Term label={risk} pick={pick('risk', risk)} />
                  {told && <span class={`tag ${told.severity === 'low' ? 'quiet' : 'bad'}`}>{told.severity}</span>}
                  {told && (
                    <p class="note">
                      {told.meaning} {told.advice}
                    </p>
                  )}
                </li>
              );
            })}
          </ul>
        </>
      )}
      <h3>All fields</h3>
      <dl class="fields">
        {f.device && <Field name="device" value={f.device} />}
        <Field name="agent" value={f.agent} />
        {fields(r as unknown as JsonObject).map(([name, value]) => (
          <Field key={name} name={name} value={value} />
        ))}
      </dl>
      <Copy text={JSON.stringify(r, null, 2)} />
    </>
  );
}

// fields are an object's values by their paths.
function fields(o: JsonObject, path = ''): [string, Json][] {
  return Object.entries(o).flatMap(([key, value]): [string, Json][] => {
    const name = path + key;
    if (Array.isArray(value)) {
      if (value.every((v) => typeof v !== 'object' || v === null)) return [[name, value]];
      return value.flatMap((v, i) => fields({ [String(i + 1)]: v }, `${name} `));
    }
    return value !== null && typeof value === 'object' ? fields(value, `${name}.`) : [[name, value]];
  });
}

const hidden = new Set(['type', 'schema']);

function Field({ name, value }: { name: string; value: Json }) {
  if (hidden.has(name)) return null;
  const last = name.split('.').at(-1) ?? '';
  let text = Array.isArray(value) ? value.join(', ') : String(value);
  let title = '';
  if (/_seen$/.test(last) && typeof value === 'string') [title, text] = [text, dateTime(value)];
  else if (last === 'bytes' && typeof value === 'number') [title, text] = [`${value} bytes`, bytes(value)];
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <bdi title={title || undefined}>{text === '' ? '""' : text}</bdi>
      </dd>
    </div>
  );
}

function Copy({ text }: { text: string }) {
  const [said, setSaid] = useState('Copy as JSON');
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setSaid('Copied'),
      () => setSaid('The browser does not allow copying'),
    );
  return (
    <button type="button" onClick={() => void copy()}>
      {said}
    </button>
  );
}
