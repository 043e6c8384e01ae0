// The worker, in TypeScript.

export interface Point {
  readonly x: number
  readonly y: number
}

export function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y)
}

export async function mean(values: Float64Array): Promise<number> {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
