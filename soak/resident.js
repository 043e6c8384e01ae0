// The resident memory of this process, and the most that it was.

import { readFileSync, writeFileSync } from 'node:fs'

const SAMPLE_MS = 100

/** Bytes. */
export function residentNow() {
  return process.memoryUsage.rss()
}

/** Looks every 100 ms, and asks the system for the peak in between where it tells. */
export function watchResident() {
  let samples = 0
  let peak = 0
  const timer = setInterval(() => {
    samples++
    peak = Math.max(peak, residentNow())
  }, SAMPLE_MS)
  const kernelTells = forgetPeak()
  return () => {
    clearInterval(timer)
    const kernelPeak = kernelTells ? peakOfKernel() : undefined
    return { samples, peak: Math.max(peak, kernelPeak ?? 0), sampledPeak: peak, kernelPeak }
  }
}

/** From now on the system's peak is that from now on. */
function forgetPeak() {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
    return true
  } catch {
    return false
  }
}

function peakOfKernel() {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}
