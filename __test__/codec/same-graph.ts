import { types } from 'node:util'

/**
 * Where two values differ, or undefined. Stricter than `deepStrictEqual`: -0, holes, the order of keys, of Map and Set
 * entries, prototypes, property attributes, and which of the objects inside are one and the same.
 */
export function difference(left: unknown, right: unknown): string | undefined {
  const pairs = new Map<object, object>()
  const taken = new Set<object>()

  const compare = (a: unknown, b: unknown, path: string): string | undefined => {
    if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) {
      return Object.is(a, b) ? undefined : `${path}: ${shown(a)} and ${shown(b)}`
    }
    const known = pairs.get(a)
    if (known !== undefined) return known === b ? undefined : `${path}: not shared in the same way`
    if (taken.has(b)) return `${path}: shared only in one`
    pairs.set(a, b)
    taken.add(b)
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path}: other prototypes`
    return slots(a, b, path) ?? properties(a, b, path)
  }

  const lists = (a: unknown[], b: unknown[], path: string): string | undefined => {
    if (a.length !== b.length) return `${path}: ${a.length} and ${b.length} members`
    for (let i = 0; i < a.length; i++) {
      const found = compare(a[i], b[i], `${path}<${i}>`)
      if (found !== undefined) return found
    }
    return undefined
  }

  const slots = (a: object, b: object, path: string): string | undefined => {
    if (types.isDate(a) && types.isDate(b)) return compare(a.getTime(), b.getTime(), path)
    if (types.isRegExp(a) && types.isRegExp(b)) return compare(String(a), String(b), path)
    if (types.isBoxedPrimitive(a)) {
      return compare(
        (a as { valueOf(): unknown }).valueOf(),
        (b as { valueOf(): unknown }).valueOf(),
        path,
      )
    }
    if (types.isMap(a) && types.isMap(b)) return lists([...a].flat(), [...b].flat(), path)
    if (types.isSet(a) && types.isSet(b)) return lists([...a], [...b], path)
    if (types.isArrayBuffer(a) && types.isArrayBuffer(b)) return buffers(a, b, path)
    if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) return views(a, b, path)
    return undefined
  }

  const buffers = (a: ArrayBuffer, b: ArrayBuffer, path: string): string | undefined => {
    if (!Buffer.from(a).equals(Buffer.from(b))) return `${path}: other bytes`
    const [x, y] = [a, b] as (ArrayBuffer & { maxByteLength?: number })[]
    return compare(x?.maxByteLength, y?.maxByteLength, `${path}.maxByteLength`)
  }

  const views = (a: ArrayBufferView, b: ArrayBufferView, path: string): string | undefined =>
    compare(a.byteLength, b.byteLength, `${path}.byteLength`) ??
    compare(a.byteOffset, b.byteOffset, `${path}.byteOffset`) ??
    compare(a.buffer, b.buffer, `${path}.buffer`)

  const properties = (a: object, b: object, path: string): string | undefined => {
    if (ArrayBuffer.isView(a)) return undefined
    const keys = Reflect.ownKeys(a)
    const others = Reflect.ownKeys(b)
    if (keys.length !== others.length || keys.some((key, i) => key !== others[i])) {
      return `${path}: keys ${keys.map(String).join()} and ${others.map(String).join()}`
    }
    for (const key of keys) {
      const x = Object.getOwnPropertyDescriptor(a, key)!
      const y = Object.getOwnPropertyDescriptor(b, key)!
      if (
        x.enumerable !== y.enumerable ||
        x.writable !== y.writable ||
        x.configurable !== y.configurable
      ) {
        return `${path}.${String(key)}: other attributes`
      }
      const found = compare(
        (a as Record<PropertyKey, unknown>)[key],
        (b as Record<PropertyKey, unknown>)[key],
        `${path}.${String(key)}`,
      )
      if (found !== undefined) return found
    }
    return undefined
  }

  return compare(left, right, 'value')
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : Object.is(value, -0) ? '-0' : String(value)
