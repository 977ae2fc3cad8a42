// SPDX-License-Identifier: Apache-2.0

// Settings of this browser: colours and keys.

import { useEffect, useRef, useState } from 'preact/hooks';

export type Theme = 'auto' | 'light' | 'dark';

// A browser may forbid storage; then settings last as long as the page.
function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing to do: see above.
  }
}

function readTheme(): Theme {
  const theme = stored('theme');
  return theme === 'light' || theme === 'dark' ? theme : 'auto';
}

const darkSystem = matchMedia('(prefers-color-scheme: dark)');

const shown = (theme: Theme) => (theme === 'auto' ? (darkSystem.matches ? 'dark' : 'light') : theme);

export function applyTheme(theme = readTheme()) {
  document.documentElement.dataset['theme'] = shown(theme);
}

// useTheme returns the setting, the theme that is shown, and what sets it.
export function useTheme(): [Theme, string, (theme: Theme) => void] {
  const [theme, setTheme] = useState(readTheme);
  const [, redraw] = useState(0);
  const latest = useRef(theme);
  latest.current = theme;
  useEffect(() => {
    const changed = () => {
      applyTheme(latest.current);
      redraw((n) => n + 1);
    };
    darkSystem.addEventListener('change', changed);
    return () => darkSystem.removeEventListener('change', changed);
  }, []);
  const set = (next: Theme) => {
    store('theme', next);
    latest.current = next;
    applyTheme(next);
    setTheme(next);
  };
  return [theme, shown(theme), set];
}

export function useKeysSetting(): [boolean, (on: boolean) => void] {
  const [on, setOn] = useState(() => stored('keys') !== 'off');
  const set = (next: boolean) => {
    store('keys', next ? 'on' : 'off');
    setOn(next);
  };
  return [on, set];
}
