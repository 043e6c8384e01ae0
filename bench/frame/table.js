import { median } from './samples.js'
import { advantage } from './goals.js'

/** Medians over the rounds, per peer: a Map from peer to { figure, beside, least, most, error }. */
export function summarise(workload, rounds) {
  const summaries = new Map()
  for (const [peer, results] of rounds) {
    const good = results.filter((result) => result.metrics !== undefined)
    const figures = numbers(good, workload.figure.metric)
    if (figures.length === 0) {
      const error = results[0]?.notRun ?? firstLine(results[0]?.error ?? 'no figure')
      summaries.set(peer, { error })
      continue
    }
    summaries.set(peer, {
      figure: median(figures),
      least: Math.min(...figures),
      most: Math.max(...figures),
      beside: workload.beside && median(numbers(good, workload.beside.metric)),
      rounds: figures.length,
      failed: results.filter((result) => result.error !== undefined).length,
    })
  }
  return summaries
}

/** The lines of one table. `× plump` says how many times better plump-ipc is than that peer. */
export function printTable(workload, each, summaries) {
  const { unit, better, metric } = workload.figure
  const own = summaries.get('plump-ipc')?.figure
  const heads = [
    'peer',
    `${metric} ${unit}`,
    'least – most',
    workload.beside ? `${workload.beside.metric} ${workload.beside.unit}` : '',
    'plump-ipc is',
  ]
  const rows = []
  for (const [peer, summary] of summaries) {
    if (summary.error !== undefined) {
      rows.push([peer, '–', '', '', '', summary.error])
      continue
    }
    const times = own === undefined ? undefined : advantage(own, summary.figure, better)
    rows.push([
      peer,
      format(summary.figure),
      `${format(summary.least)} – ${format(summary.most)}`,
      summary.beside === undefined ? '' : format(summary.beside),
      times === undefined || peer === 'plump-ipc' ? '' : sayTimes(times),
      summary.failed > 0 ? `failed in ${summary.failed} of its rounds` : '',
    ])
  }
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column].length)),
  )
  const line = (cells) =>
    cells
      .slice(0, heads.length)
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd()
  return [
    '',
    `${workload.name}@${each.name}: ${workload.title} (${better} is better)`,
    line(heads),
    widths.map((width) => '─'.repeat(width)).join('──'),
    ...rows.map((row) => (row[5] ? `${line(row)}  ${row[5]}` : line(row))),
  ]
}

export function format(value) {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}

function sayTimes(times) {
  if (times >= 1) return `${times >= 10 ? times.toFixed(0) : times.toFixed(2)} × better`
  const worse = 1 / times
  return `${worse >= 10 ? worse.toFixed(0) : worse.toFixed(2)} × worse`
}

function numbers(results, metric) {
  return results
    .map((result) => result.metrics[metric])
    .filter((value) => typeof value === 'number' && Number.isFinite(value))
}

function firstLine(text) {
  return text.split('\n')[0].slice(0, 100)
}
