// Draws a result: `node plot.js result.json [folder]` writes one SVG per workload and case beside
// the result (or into the folder), and `overview.svg`: how many times better plump-ipc is.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { chart } from './frame/chart.js'
import { advantage } from './frame/goals.js'
import { sayMachine } from './frame/machine.js'
import { format } from './frame/table.js'
import { PEERS } from './peers.js'

const COLOURS = {
  own: '#c2410c',
  variant: '#fb923c',
  process: '#2f5d91',
  thread: '#0d9488',
  floor: '#a3a3a3',
}
const LEGEND = [
  { name: 'plump-ipc', colour: COLOURS.own },
  { name: 'plump-ipc with one option', colour: COLOURS.variant },
  { name: 'processes', colour: COLOURS.process },
  { name: 'threads', colour: COLOURS.thread },
  { name: 'floor: no communication', colour: COLOURS.floor },
]

/** The peers of the overview: what most people would take otherwise. */
const OVERVIEW = new Map([
  ['worker-threads', '#0d9488'],
  ['piscina', '#84cc16'],
  ['fork-advanced', '#2f5d91'],
  ['synckit', '#a855f7'],
  ['atomics-wait', '#db2777'],
])
const MOST_NOTE_CHARACTERS = 150

const [file, folder] = process.argv.slice(2)
if (file === undefined) {
  process.stderr.write('usage: node plot.js result.json [folder]\n')
  process.exit(2)
}

const result = JSON.parse(readFileSync(file, 'utf8'))
const target = resolve(folder ?? join(dirname(file), basename(file, '.json')))
mkdirSync(target, { recursive: true })
const origin = [
  `${sayMachine(result.machine)}.`,
  `node ${result.versions.node}, ${result.date.slice(0, 10)}, commit ${result.commit ?? 'unknown'}, median, least and ` +
    `most of ${result.rounds} rounds of ${result.seconds} s; ${sayNoise(result.quiet)}.`,
]

for (const each of result.cases) {
  const rows = []
  const missing = []
  for (const [name, summary] of Object.entries(each.summary)) {
    if (summary.figure === undefined) {
      missing.push(`${name} (${summary.error})`)
      continue
    }
    const { figure, least, most, beside } = summary
    const second = Number.isFinite(beside) ? `, ${say(each.beside, beside)}` : ''
    rows.push({
      name,
      text: say(each.figure, figure) + second,
      dots: [{ value: figure, least, most, colour: colourOf(name) }],
    })
  }
  if (rows.length === 0) continue
  const value = ({ dots }) => dots[0].value
  rows.sort((a, b) => (each.figure.better === 'lower' ? value(a) - value(b) : value(b) - value(a)))
  const shown = new Set(rows.map((row) => row.dots[0].colour))
  const svg = chart({
    title: `${each.workload}@${each.case}: ${each.title}`,
    about: `${nameOf(each.figure)}, ${each.figure.better} is better`,
    rows,
    legend: LEGEND.filter(({ colour }) => shown.has(colour)),
    notes: [...(missing.length > 0 ? wrap(`Not shown: ${missing.join(', ')}.`) : []), ...origin],
  })
  save(`${each.workload}-${each.case}.svg`, svg)
}

const overview = []
for (const each of result.cases) {
  const own = each.summary['plump-ipc']?.figure
  if (own === undefined) continue
  const dots = []
  const texts = []
  for (const [name, colour] of OVERVIEW) {
    const other = each.summary[name]?.figure
    if (other === undefined) continue
    const times = advantage(own, other, each.figure.better)
    if (!Number.isFinite(times) || times <= 0) continue
    dots.push({ value: times, least: times, most: times, colour })
    texts.push({ text: format(times), colour })
  }
  if (dots.length === 0) continue
  overview.push({ name: `${each.workload}@${each.case}`, text: texts, dots })
}
if (overview.length > 0) {
  const svg = chart({
    title: 'How many times better plump-ipc is',
    about: 'ratio of the medians; left of 1 the other one is better',
    rows: overview,
    legend: [...OVERVIEW].map(([name, colour]) => ({ name: `than ${name}`, colour })),
    reference: 1,
    notes: origin,
  })
  save('overview.svg', svg)
}
process.stdout.write(`${target}\n`)

/** `perSecond` in calls/s is said by its unit; p50 and p99 are not. */
function nameOf({ metric, unit }) {
  return /^p\d+$|^max$/.test(metric) ? `${metric}, ${unit}` : unit
}

function say({ metric, unit }, value) {
  return /^p\d+$|^max$/.test(metric)
    ? `${metric} ${format(value)} ${unit}`
    : `${format(value)} ${unit}`
}

function sayNoise(quiet) {
  if (quiet === undefined) return 'nothing is known of what else ran'
  return (
    `${quiet.quiet ? 'quiet machine' : 'NOT a quiet machine'}: ` +
    `others ${quiet.othersPercent} % of one CPU, steal ${quiet.stealPercent} %`
  )
}

function colourOf(name) {
  if (name === 'plump-ipc') return COLOURS.own
  if (name.startsWith('plump-ipc')) return COLOURS.variant
  return COLOURS[PEERS.get(name)?.kind] ?? COLOURS.floor
}

function wrap(note) {
  const lines = ['']
  for (const word of note.split(' ')) {
    if (lines.at(-1).length + word.length > MOST_NOTE_CHARACTERS) lines.push('')
    lines[lines.length - 1] += lines.at(-1) === '' ? word : ` ${word}`
  }
  return lines
}

function save(name, svg) {
  writeFileSync(join(target, name), svg)
}
