export const version = 1
export default function main(): void {}
export class NotACommand {}
export function add(a: number, b: number): number {
  return a + b
}
export async function train(data: Float32Array, options?: { epochs: number }): Promise<string> {
  return `${data.length * (options?.epochs ?? 1)}`
}
export function identity<T>(value: T): T {
  return value
}
