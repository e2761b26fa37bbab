// The dashboards as Grafana draws them, without Grafana: its own panels (@grafana/ui) on answers of Prometheus.
// Not here: Explore, alerts, and whatever else needs Grafana's server. Addresses are like Grafana's:
// /?board=people&from=now-7d&to=now&var-team=search

import { rangeUtil, dateTime, createTheme, dateMath } from '@grafana/data';
import { GlobalStyles, PanelChrome, ThemeContext } from '@grafana/ui';
import React from 'react';
import { createRoot } from 'react-dom/client';
import graphs from 'uplot/dist/uPlot.min.css';

import { framesOf, offered } from './ask.js';
import { settle } from './drawn.js';
import { Body } from './panels.jsx';

const CELL = 30; // the height of a row of Grafana's grid, in px
const GAP = 8;
const COLUMNS = 24;
const SPANS = ['now-6h', 'now-24h', 'now-7d', 'now-30d'];

const theme = createTheme({ colors: { mode: 'dark' } });
const address = new URLSearchParams(location.search);

function rangeOf(board) {
  const from = address.get('from') ?? board.time.from;
  const to = address.get('to') ?? board.time.to;
  const end = /^\d+$/.test(to) ? dateTime(Number(to)) : dateMath.parse(to);
  // A span that is relative to a fixed end: pictures are drawn of the past.
  const start = /^now-/.test(from) ? dateTime(end.valueOf() - 1000 * rangeUtil.intervalToSeconds(from.slice(4))) : dateTime(Number(from));
  return { from: start, to: end, raw: { from, to } };
}

function chosenIn(board) {
  return Object.fromEntries(
    board.templating.list
      .filter((variable) => variable.type === 'query')
      .map((variable) => [variable.name, address.get(`var-${variable.name}`) ?? variable.allValue])
  );
}

function go(changes) {
  for (const [name, value] of Object.entries(changes)) {
    address.set(name, value);
  }
  location.search = address;
}

function Choice({ variable, chosen, range }) {
  const [values, setValues] = React.useState([]);
  React.useEffect(() => {
    offered(variable, chosen, range).then(setValues);
  }, []);
  return (
    <label title={variable.description}>
      {variable.label}{' '}
      <select value={chosen[variable.name]} onChange={(event) => go({ [`var-${variable.name}`]: event.target.value })}>
        <option value={variable.allValue}>All</option>
        {values.map((value) => (
          <option key={value} value={escaped(value)}>
            {value}
          </option>
        ))}
      </select>
    </label>
  );
}

// The variable is used as a regular expression, as in Grafana.
function escaped(value) {
  return value.replace(/[\\^$.*+?()[\]{}|]/g, '\\\\$&');
}

function Top({ board, boards, chosen, range }) {
  const kept = [...address].filter(([name]) => name !== 'board');
  return (
    <header>
      <b>{board.title}</b>
      <nav>
        {boards.map((each) => (
          <a key={each.name} href={`?${new URLSearchParams([['board', each.name], ...kept])}`} className={each.title === board.title ? 'here' : ''}>
            {each.title.replace('OpenCode: ', '')}
          </a>
        ))}
      </nav>
      <div className="choices">
        {board.templating.list
          .filter((variable) => variable.type === 'query')
          .map((variable) => (
            <Choice key={variable.name} variable={variable} chosen={chosen} range={range} />
          ))}
        <label>
          Time{' '}
          <select value={range.raw.from} onChange={(event) => go({ from: event.target.value })}>
            {[...new Set([range.raw.from, ...SPANS])].map((span) => (
              <option key={span} value={span}>
                {span.replace('now-', 'last ')}
              </option>
            ))}
          </select>
        </label>
      </div>
    </header>
  );
}

function Panel({ panel, chosen, range, width, height }) {
  const [frames, setFrames] = React.useState(null);
  const [failed, setFailed] = React.useState('');
  React.useEffect(() => {
    framesOf(panel, chosen, range, width).then(setFrames, (error) => setFailed(String(error)));
  }, []);
  return (
    <PanelChrome title={panel.title} description={panel.description} width={width} height={height} padding="none">
      {(innerWidth, innerHeight) => {
        const size = { width: innerWidth - 2 * GAP, height: innerHeight - GAP };
        return (
          <div className="body" style={{ ...size, margin: `0 ${GAP}px ${GAP}px` }}>
            {failed && <p className="failed">{failed}</p>}
            {frames && <Body panel={panel} frames={frames} range={range} theme={theme} {...size} />}
          </div>
        );
      }}
    </PanelChrome>
  );
}

const ROOT = document.getElementById('root');

function room() {
  return ROOT.clientWidth - 2 * GAP;
}

function Board({ board, boards }) {
  const range = rangeOf(board);
  const chosen = chosenIn(board);
  const [wide, setWide] = React.useState(room());
  // A scroll bar appears once there is something to scroll. It takes room without a change of the window.
  React.useEffect(() => new ResizeObserver(() => setWide(room())).observe(ROOT), []);
  const column = (wide + GAP) / COLUMNS;
  const bottom = Math.max(...board.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return (
    <main>
      <Top {...{ board, boards, chosen, range }} />
      <div style={{ position: 'relative', height: bottom * (CELL + GAP) }}>
        {board.panels.map((panel) => {
          const { x, y, w, h } = panel.gridPos;
          // From its edges, so that the last column ends with the page.
          const left = Math.round(x * column);
          const size = { width: Math.round((x + w) * column) - GAP - left, height: h * CELL + (h - 1) * GAP };
          const at = { position: 'absolute', left, top: y * (CELL + GAP), ...size };
          return panel.type === 'row' ? (
            <div className="heading" key={panel.title} style={at}>
              {panel.title}
            </div>
          ) : (
            <section key={`${panel.title}${x}${y}`} data-panel={panel.title} data-type={panel.type} style={at}>
              <Panel {...{ panel, chosen, range, ...size }} />
            </section>
          );
        })}
      </div>
    </main>
  );
}

async function start() {
  const boards = await (await fetch('boards.json')).json();
  const name = address.get('board') ?? boards[0].name;
  const board = await (await fetch(`boards/${name}.json`)).json();
  document.title = board.title;
  document.head.append(Object.assign(document.createElement('style'), { textContent: graphs }));
  createRoot(ROOT).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles isExtensionSidebarOpen={false} />
      <Board board={board} boards={boards} />
    </ThemeContext.Provider>
  );
  // After Grafana's, so that ours win.
  requestAnimationFrame(() => document.head.append(document.querySelector('style')));
  settle(board);
}

start();
