/** Up to here objects already met are found by a loop over them, */
const LOOPED_OBJECTS = 8
/** up to here, of one bucket, by `indexOf`, and above by a Map. */
const SCANNED_OBJECTS = 96

/** Up to here of one bucket a loop of our own is faster than `indexOf`. */
const FEW_OBJECTS = 8
const NO_OBJECTS: object[] = []

/** A bucket that had more objects gives the memory of their numbers back. */
const KEPT_NUMBERS = 128 * 1024

/** Buckets 0 to 15: arrays by length, the last for all longer ones. */
const ARRAY_BUCKETS = 16
/** What has neither length nor keys to tell it by. */
export const OTHER_BUCKET = ARRAY_BUCKETS
/** Buckets from here on: objects by their first key. */
export const FIRST_KEY_BUCKETS = ARRAY_BUCKETS + 1

export function arrayBucket(length: number): number {
  return length < ARRAY_BUCKETS ? length : ARRAY_BUCKETS - 1
}

class Bucket {
  /** A new list for each message: it keeps nothing alive, and the engine notes each young object that an old one gets. */
  objects: object[] = NO_OBJECTS
  /** The numbers of `objects`. Not shortened, but for what a large message leaves. */
  numbers: number[] = []
  byObject: Map<object, number> | undefined = undefined

  get isEmpty(): boolean {
    return this.objects === NO_OBJECTS
  }

  find(object: object): number {
    const { objects } = this
    const { length } = objects
    if (length > SCANNED_OBJECTS) return this.#map().get(object) ?? -1
    if (length > FEW_OBJECTS) {
      const at = objects.indexOf(object)
      return at === -1 ? -1 : this.numbers[at]!
    }
    for (let i = 0; i < length; i++) {
      if (objects[i] === object) return this.numbers[i]!
    }
    return -1
  }

  #map(): Map<object, number> {
    return (this.byObject ??= new Map(this.objects.map((met, at) => [met, this.numbers[at]!])))
  }

  add(object: object, number: number): void {
    if (this.objects === NO_OBJECTS) {
      this.objects = [object]
      this.numbers[0] = number
    } else {
      this.numbers[this.objects.length] = number
      this.objects.push(object)
      this.byObject?.set(object, number)
    }
  }

  clear(): void {
    this.objects = NO_OBJECTS
    this.byObject = undefined
    if (this.numbers.length > KEPT_NUMBERS) this.numbers = []
  }
}

/**
 * The objects of one message and their numbers, to find again what comes a second time.
 *
 * One Map of all objects costs 60 ns an object, most of it for growing, a third of the whole encoding. An object
 * that comes again has the same length or first key, so it is enough to look among those that have: a few dozen,
 * at half a nanosecond each.
 */
export class References {
  #count = 0
  /** Never shortened: setting an array's length costs as much as a small message. */
  readonly #first: (object | undefined)[] = new Array<undefined>(LOOPED_OBJECTS).fill(undefined)
  readonly #bucketsOfFirst: number[] = new Array<number>(LOOPED_OBJECTS).fill(0)
  readonly #buckets: (Bucket | undefined)[] = []
  #used: Bucket[] = []

  /** How many objects have come. */
  get count(): number {
    return this.#count
  }

  /** Whether the next object goes to `meetFew`, else to `meet`. */
  get isFew(): boolean {
    return this.#count < LOOPED_OBJECTS
  }

  /** The number of an object that came before, or -1 for a new one, which gets the next number. */
  meetFew(object: object): number {
    const first = this.#first
    const count = this.#count
    for (let i = 0; i < count; i++) {
      if (first[i] === object) return i
    }
    first[count] = object
    this.#bucketsOfFirst[count] = OTHER_BUCKET
    this.#count = count + 1
    return -1
  }

  /** A new object that never comes again: it gets its number and is not kept, for the engine notes each young object that an old one gets. */
  pass(): void {
    this.#bucketsOfFirst[this.#count++] = OTHER_BUCKET
  }

  /** Says to which bucket an object belongs that only `meetFew` has seen, before any further object comes. */
  place(number: number, bucket: number): void {
    this.#bucketsOfFirst[number] = bucket
  }

  /** As `meetFew`, with the bucket. */
  meet(object: object, bucket: number): number {
    const count = this.#count
    if (count === LOOPED_OBJECTS) {
      for (let i = 0; i < LOOPED_OBJECTS; i++) {
        const object = this.#first[i]
        if (object !== undefined) this.#bucket(this.#bucketsOfFirst[i]!).add(object, i)
      }
    }
    const met = this.#bucket(bucket)
    const number = met.find(object)
    if (number !== -1) return number
    met.add(object, count)
    this.#count = count + 1
    return -1
  }

  #bucket(bucket: number): Bucket {
    const met = this.#buckets[bucket] ?? this.#newBucket(bucket)
    if (met.isEmpty) this.#used.push(met)
    return met
  }

  #newBucket(bucket: number): Bucket {
    // Without holes, which would make every look slower.
    while (this.#buckets.length < bucket) this.#buckets.push(undefined)
    return (this.#buckets[bucket] = new Bucket())
  }

  /** Nothing of the user's may stay alive because it was sent once. */
  clear(): void {
    const looped = Math.min(this.#count, LOOPED_OBJECTS)
    for (let i = 0; i < looped; i++) this.#first[i] = undefined
    this.#count = 0
    if (this.#used.length > 0) {
      for (const bucket of this.#used) bucket.clear()
      this.#used = []
    }
  }
}
