// Draws a result: `node plot.js result.json [folder]` writes one SVG per workload and case beside
// the result (or into the folder), and `overview.svg`: how many times better plump-ipc is.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { advantage } from './frame/goals.js'
import { sayMachine } from './frame/machine.js'
import { format } from './frame/table.js'

const ROW = 22
const LABEL_WIDTH = 190
const BAR_WIDTH = 470
const WIDTH = LABEL_WIDTH + BAR_WIDTH + 120
const OWN = '#c2410c'
const OWN_VARIANT = '#fdba74'
const THREADS = '#7c93b2'
const PROCESSES = '#3f5f8a'
const FLOOR = '#a3a3a3'

/** The peers of the overview: what most people would take otherwise. */
const OVERVIEW = ['worker-threads', 'fork-advanced', 'synckit', 'atomics-wait']

const [file, folder] = process.argv.slice(2)
if (file === undefined) {
  process.stderr.write('usage: node plot.js result.json [folder]\n')
  process.exit(2)
}

const result = JSON.parse(readFileSync(file, 'utf8'))
const target = resolve(folder ?? join(dirname(file), basename(file, '.json')))
mkdirSync(target, { recursive: true })
const origin =
  `${result.date.slice(0, 10)}, node ${result.versions.node}, median of ${result.rounds} rounds, ` +
  sayMachine(result.machine)

for (const each of result.cases) {
  const bars = Object.entries(each.summary)
    .filter(([, summary]) => summary.figure !== undefined)
    .map(([name, { figure, least, most }]) => ({
      name,
      value: figure,
      least,
      most,
      text: `${format(figure)} ${each.figure.unit}`,
      colour: colourOf(name),
    }))
  if (bars.length === 0) continue
  bars.sort((a, b) => (each.figure.better === 'lower' ? a.value - b.value : b.value - a.value))
  const title = `${each.title} (${each.case})`
  const about = `${each.figure.metric}, ${each.figure.better} is better, logarithmic`
  save(`${each.workload}-${each.case}.svg`, chart(title, about, bars))
}

const gains = []
for (const each of result.cases) {
  const own = each.summary['plump-ipc']?.figure
  if (own === undefined) continue
  for (const name of OVERVIEW) {
    const other = each.summary[name]?.figure
    if (other === undefined) continue
    const times = advantage(own, other, each.figure.better)
    if (!Number.isFinite(times) || times <= 0) continue
    gains.push({
      name: `${each.workload}@${each.case}`,
      value: times,
      least: times,
      most: times,
      text: `${format(times)} × ${name}`,
      colour: times >= 1 ? OWN : FLOOR,
    })
  }
}
if (gains.length > 0) {
  save('overview.svg', chart('plump-ipc against the peers', 'times better, logarithmic', gains, 1))
}
process.stdout.write(`${target}\n`)

/** Horizontal bars on a logarithmic scale, the whiskers from the least to the most of the rounds. */
function chart(title, about, bars, reference) {
  const values = bars.flatMap(({ value, least, most }) => [value, least, most])
  if (reference !== undefined) values.push(reference)
  const low = 10 ** Math.floor(Math.log10(Math.min(...values) * 0.8))
  const high = 10 ** Math.ceil(Math.log10(Math.max(...values) * 1.1))
  const x = (value) =>
    LABEL_WIDTH +
    (BAR_WIDTH * (Math.log10(value) - Math.log10(low))) / (Math.log10(high) - Math.log10(low))
  const top = 58
  const height = top + bars.length * ROW + 44
  const parts = []
  for (let decade = low; decade <= high * 1.001; decade *= 10) {
    const at = x(decade).toFixed(1)
    parts.push(
      `<line x1="${at}" x2="${at}" y1="${top - 6}" y2="${height - 38}" stroke="#e5e5e5"/>`,
      text(at, height - 24, format(decade), 'middle', 10, '#737373'),
    )
  }
  bars.forEach((bar, index) => {
    const y = top + index * ROW
    const middle = y + 8
    const from = reference === undefined ? LABEL_WIDTH : Math.min(x(reference), x(bar.value))
    const to = reference === undefined ? x(bar.value) : Math.max(x(reference), x(bar.value))
    parts.push(
      text(LABEL_WIDTH - 8, middle + 4, bar.name, 'end', 12, '#262626'),
      `<rect x="${from.toFixed(1)}" y="${y}" width="${Math.max(1, to - from).toFixed(1)}" ` +
        `height="16" fill="${bar.colour}"/>`,
    )
    if (bar.least !== bar.most) {
      parts.push(
        `<line x1="${x(bar.least).toFixed(1)}" x2="${x(bar.most).toFixed(1)}" y1="${middle}" ` +
          `y2="${middle}" stroke="#171717"/>`,
      )
    }
    const end = Math.max(to, x(bar.most)) + 6
    parts.push(text(end.toFixed(1), middle + 4, bar.text, 'start', 11, '#404040'))
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
      `font-family="system-ui, sans-serif">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(12, 22, title, 'start', 15, '#171717'),
    text(12, 40, about, 'start', 11, '#737373'),
    ...parts,
    text(12, height - 8, origin, 'start', 9, '#737373'),
    '</svg>',
    '',
  ].join('\n')
}

function text(x, y, content, anchor, size, colour) {
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
  return (
    `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}" ` +
    `fill="${colour}">${escaped}</text>`
  )
}

function colourOf(name) {
  if (name === 'plump-ipc') return OWN
  if (name.startsWith('plump-ipc')) return OWN_VARIANT
  if (name === 'memcpy') return FLOOR
  return /threads|piscina|synckit|atomics/.test(name) ? THREADS : PROCESSES
}

function save(name, svg) {
  writeFileSync(join(target, name), svg)
}
