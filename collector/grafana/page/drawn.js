// Says what is on the page, for whoever looks at it by a program: `window.drawn` is set once everything is there.

import { unanswered } from './ask.js';

const PADDING = 5; // of a cell, in px; the text may not reach into it
const STILL_MS = 400; // nothing has changed for so long: it is drawn

/** Wait until every panel is drawn and nothing changes any more, then leave in `window.drawn` what is there. */
export function settle(board) {
  let changed = performance.now();
  new MutationObserver(() => (changed = performance.now())).observe(document.body, {
    childList: true,
    subtree: true,
    attributes: true,
  });
  window.addEventListener('resize', () => {
    changed = performance.now();
    window.drawn = null;
  });
  const wanted = board.panels.filter((panel) => panel.type !== 'row').length;
  setInterval(() => {
    const bodies = [...document.querySelectorAll('[data-panel] .body')].filter((body) => body.childElementCount);
    const still = performance.now() - changed > STILL_MS;
    if (!window.drawn && bodies.length === wanted && unanswered() === 0 && still) {
      window.drawn = { width: innerWidth, panels: [...document.querySelectorAll('[data-panel]')].map(seen) };
    }
  }, 100);
}

function seen(panel) {
  const body = panel.querySelector('.body');
  const table = panel.querySelector('[role=table]');
  return {
    title: panel.dataset.panel,
    type: panel.dataset.type,
    text: body?.innerText.trim() ?? '',
    empty: panel.querySelector('.empty, .failed') !== null || !body?.childElementCount,
    legend: [...panel.querySelectorAll('[data-testid*="VizLegend series"], .viz-legend button')].map((each) => each.innerText.trim()).filter(Boolean),
    ...(table ? tableOf(table, panel) : {}),
  };
}

function tableOf(table, panel) {
  const edge = panel.getBoundingClientRect().right;
  const headings = [...table.querySelectorAll('[role=columnheader]')];
  const rows = [...table.querySelectorAll('[role=row]')].map((row) => [...row.querySelectorAll('[role=cell]')]);
  return {
    headings: headings.map((each) => each.innerText.trim()),
    outside: headings.filter((each) => each.getBoundingClientRect().right > edge + 1).map((each) => each.innerText.trim()),
    cut: [...headings, ...rows.flat()].filter(isCut).map((each) => each.innerText.trim()),
    rows: rows.filter((row) => row.length).map((row) => row.map((cell) => cell.innerText.trim())),
    bars: longest(table),
  };
}

// An ellipsis changes what one sees, but not how wide the text would be.
function isCut(cell) {
  const edges = cell.getBoundingClientRect();
  const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const text = document.createRange();
    text.selectNodeContents(node);
    const { left, right } = text.getBoundingClientRect();
    if (right > edges.right - PADDING || left < edges.left + PADDING) {
      return true;
    }
  }
  return false;
}

// The length of the longest bar, as a share of its room.
function longest(table) {
  const cells = [...table.querySelectorAll('[data-testid="data-testid Bar gauge value"]')];
  return Math.max(0, ...cells.map(filledShare));
}

function filledShare(figure) {
  const [bar, room] = [figure.parentElement.lastElementChild, figure.parentElement].map((each) => each.getBoundingClientRect().width);
  return bar / (room - figure.getBoundingClientRect().width);
}
