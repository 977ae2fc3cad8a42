// SPDX-License-Identifier: Apache-2.0

import { render } from 'preact';
import { App } from './app';
import { applyTheme } from './theme';

applyTheme();
const root = document.getElementById('app');
// What index.html shows until the page runs goes.
root?.replaceChildren();
if (root) render(<App />, root);
