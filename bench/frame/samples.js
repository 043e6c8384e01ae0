// Latencies of one cell. Bounded: when full, every second sample is dropped and from then on only
// every second one is taken, which keeps an even picture of the whole run.
const CAPACITY = 1 << 20

export class Samples {
  #values = new Float64Array(4096)
  #length = 0
  #stride = 1
  #skip = 0
  total = 0

  push(value) {
    this.total++
    if (++this.#skip < this.#stride) return
    this.#skip = 0
    if (this.#length === this.#values.length) this.#grow()
    this.#values[this.#length++] = value
  }

  #grow() {
    if (this.#length < CAPACITY) {
      const larger = new Float64Array(this.#length * 2)
      larger.set(this.#values)
      this.#values = larger
      return
    }
    for (let index = 0; index < this.#length / 2; index++) {
      this.#values[index] = this.#values[index * 2]
    }
    this.#length /= 2
    this.#stride *= 2
  }

  /** Everything that a result keeps: the 101 percentiles are the raw data of the plots. */
  summary() {
    const sorted = this.#values.slice(0, this.#length).sort()
    const at = (share) =>
      sorted.length === 0
        ? Number.NaN
        : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
    let sum = 0
    for (const value of sorted) sum += value
    return {
      count: this.total,
      mean: sum / sorted.length,
      p50: at(0.5),
      p90: at(0.9),
      p99: at(0.99),
      p999: at(0.999),
      max: sorted[sorted.length - 1] ?? Number.NaN,
      percentiles: Array.from({ length: 101 }, (_unused, index) => round(at(index / 100))),
    }
  }
}

export function median(values) {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function round(value) {
  return Number(value.toPrecision(5))
}
