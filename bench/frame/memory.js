import { readFileSync } from 'node:fs'

/** Proportional set size in MiB: shared pages count once, split over those who map them. */
export function pssMiB(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)[1]) / 1024
}
