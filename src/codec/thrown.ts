// What a handler throws, on its way to the caller: always in this form, whichever codec the values take, so that an
// error keeps what makes it useful. As a value among others an error is only what structured clone leaves of it.

import { types } from 'node:util'
import { errorClasses, PlumpSerializationError } from '../errors.js'
import { decodeStructured, setStack, withoutFrames } from './decoder.js'
import { DEFAULT_CODEC_LIMITS, type CodecLimits } from './limits.js'
import { Outgoing } from './outgoing.js'
import type { PayloadCodec } from './codec.js'
import { encodeStructured } from './structured.js'

/**
 * kind:u8 and seven zero bytes, so that what follows is aligned as it would be alone. Then a `Thrown` in structured
 * form, or the value in the form of the codec.
 */
const HEAD_BYTES = 8
const KIND_ERROR = 0
const KIND_VALUE = 1

/** Errors carried with one thrown error: its causes, their causes, members of `errors`. What is beyond is left out. */
const MAX_ERRORS = 1000
/** Levels that `Thrown` puts around a property's value. */
const WRAPPING_LEVELS = 8
const SHORT_CHARACTERS = 8 * 1024
const LANGUAGE_CLASSES = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
  'AggregateError',
  'SuppressedError',
] as const

/** A cause or member: `[0, number of the error]` or `[1, value]`. */
type Link = readonly [kind: 0 | 1, target: unknown]

interface Described {
  /** The nearest class that both sides have. */
  type: string
  name: string
  /** Undefined if there is none, so that there will be none. */
  message: string | undefined
  stack: string | undefined
  /** Properties that hold errors, by name, and `errors`, a list of them. */
  links: [name: string, link: Link][]
  errors: Link[] | undefined
  /** Own enumerable properties: key and value in turn. */
  properties: unknown[]
}

/** The thrown error is the first. A list and numbers, not a tree, so that a chain of causes is no nesting and can close. */
type Thrown = readonly Described[]

/**
 * Appends what was thrown to `out`. Never throws: what cannot be carried is left out, in the end all but the message.
 *
 * An error keeps its class if the language or this package has it, else the nearest such class and its `name`; its
 * message, stack, cause, `errors`, and each own enumerable property that can be sent. What is no error goes through
 * `codec`; if that refuses it, its refusal goes in its place.
 */
export function encodeThrown(
  thrown: unknown,
  out: Outgoing,
  codec: PayloadCodec,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): void {
  const start = out.position
  const segments = out.segments.length
  const { segmentBytes } = out
  try {
    if (!isError(thrown)) {
      try {
        writeHead(out, KIND_VALUE)
        codec.encode(thrown, out, 'result')
        return
      } catch (refusal) {
        out.rewind(start, segments, segmentBytes)
        thrown = refusal
      }
    }
    writeHead(out, KIND_ERROR)
    encodeErrors(describeAll(thrown), out, {
      maxDepth: limits.maxDepth + WRAPPING_LEVELS,
      maxPayloadBytes: Math.max(0, limits.maxPayloadBytes - HEAD_BYTES),
    })
  } catch {
    // Not even a short message fits the limits: they are for values, and an answer there must be.
    out.rewind(start, segments, segmentBytes)
    writeHead(out, KIND_ERROR)
    encodeStructured([unreadable('It could not be sent.')], out, DEFAULT_CODEC_LIMITS)
  }
}

/**
 * What was thrown on the other side.
 * @throws PlumpSerializationError if the bytes are none that `encodeThrown` writes, or what `codec` throws.
 */
export function decodeThrown(
  bytes: Uint8Array,
  start: number,
  end: number,
  codec: PayloadCodec,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): unknown {
  const from = start + HEAD_BYTES
  const kind = from <= end ? bytes[start] : undefined
  if (kind === KIND_VALUE) return codec.decode(bytes, from, end, false)
  if (kind !== KIND_ERROR) throw malformed()
  const { maxDepth, maxPayloadBytes } = limits
  const wrapped = { maxDepth: maxDepth + WRAPPING_LEVELS, maxPayloadBytes }
  return reviveAll(decodeStructured(bytes, from, end, wrapped, false))
}

// --- describing ---------------------------------------------------------------------------------------------------

function writeHead(out: Outgoing, kind: number): void {
  out.reserve(HEAD_BYTES)
  out.bytes.fill(0, out.position, out.position + HEAD_BYTES)
  out.bytes[out.position] = kind
  out.position += HEAD_BYTES
}

/** Runs whatever the thrown thing makes of being asked: a getter, a trap of a proxy. */
function attempt<T>(reading: () => T): T | undefined {
  try {
    return reading()
  } catch {
    return undefined
  }
}

function isError(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  if (types.isNativeError(value)) return true
  // A proxy is no value that could go through the codec; what it shows of an error is better than its refusal.
  return types.isProxy(value) || attempt(() => value instanceof Error) === true
}

function describeAll(thrown: unknown): Described[] {
  const errors: object[] = [thrown as object]
  const described: Described[] = []
  const numbers = new Map<object, number>([[errors[0]!, 0]])
  const link = (value: unknown): Link | undefined => {
    if (!isError(value)) return [1, value]
    let number = numbers.get(value)
    if (number === undefined) {
      if (errors.length >= MAX_ERRORS) return undefined
      number = errors.push(value) - 1
      numbers.set(value, number)
    }
    return [0, number]
  }
  for (let i = 0; i < errors.length; i++) described.push(describe(errors[i]!, link))
  return described
}

function describe(error: object, link: (value: unknown) => Link | undefined): Described {
  const at = error as Record<string, unknown>
  const type = classOf(error)
  const message = attempt(() => at['message'])
  const stack = attempt(() => at['stack'])
  const links: [string, Link][] = []
  const names = type === 'SuppressedError' ? ['cause', 'error', 'suppressed'] : ['cause']
  for (const name of names) {
    if (attempt(() => Object.hasOwn(error, name)) !== true) continue
    const target = link(attempt(() => at[name]))
    if (target !== undefined) links.push([name, target])
  }
  const members = type === 'AggregateError' ? attempt(() => at['errors']) : undefined
  const errors = Array.isArray(members)
    ? attempt(() => members.map(link).filter((member) => member !== undefined))
    : undefined
  const skipped = new Set(['name', 'message', 'stack', ...names, ...(errors ? ['errors'] : [])])
  const properties: unknown[] = []
  for (const key of attempt(() => Object.keys(error)) ?? []) {
    if (skipped.has(key)) continue
    let value: unknown
    try {
      value = at[key]
    } catch {
      continue
    }
    properties.push(key, value)
  }
  return {
    type,
    name: nameOf(error, type),
    message: message === undefined ? undefined : textOf(message),
    stack: typeof stack === 'string' ? stack : undefined,
    links,
    errors,
    properties,
  }
}

const knownClasses = (): Map<object, string> => {
  const known = new Map<object, string>([[DOMException.prototype, 'DOMException']])
  for (const name of LANGUAGE_CLASSES) {
    const constructor = (globalThis as unknown as Record<string, ErrorConstructor | undefined>)[
      name
    ]
    if (constructor !== undefined) known.set(constructor.prototype as object, name)
  }
  for (const [name, { prototype }] of Object.entries(errorClasses)) known.set(prototype, name)
  return known
}
let classNames: Map<object, string> | undefined

/** The nearest class that every process has. */
function classOf(error: object): string {
  classNames ??= knownClasses()
  const found = attempt(() => {
    let prototype = Object.getPrototypeOf(error) as object | null
    // Bounded, since a proxy can give one prototype after the other.
    for (let i = 0; i < 100 && prototype !== null; i++) {
      const known = classNames!.get(prototype) ?? foreignClass(prototype)
      if (known !== undefined) return known
      prototype = Object.getPrototypeOf(prototype) as object | null
    }
    return undefined
  })
  return found ?? 'Error'
}

/** The class in another realm (`node:vm`), or in this package loaded a second time: only its name is the same. */
function foreignClass(prototype: object): string | undefined {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof constructor !== 'function') return undefined
  const { name } = constructor
  if (Object.hasOwn(errorClasses, name)) return name
  const isNative = /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(constructor))
  return isNative && (LANGUAGE_CLASSES as readonly string[]).includes(name) ? name : undefined
}

/** `class ParseError extends Error {}` has the name `Error` until somebody sets it; what it is called says more. */
function nameOf(error: object, type: string): string {
  const name = attempt(() => (error as { name?: unknown }).name)
  if (typeof name === 'string' && name !== type && name !== '') return name
  if (attempt(() => Object.hasOwn(error, 'name')) === true) return type
  const own = attempt(() => (error.constructor as { name?: unknown }).name)
  // Node's own classes, of which users see `TypeError` and a code.
  if (typeof own !== 'string' || own === '' || own === 'NodeError' || own === 'Object') return type
  return own
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return attempt(() => String(value)) ?? 'The message of this error has no text.'
}

function unreadable(message: string): Described {
  return {
    type: 'Error',
    name: 'Error',
    message,
    stack: undefined,
    links: [],
    errors: undefined,
    properties: [],
  }
}

// --- encoding -----------------------------------------------------------------------------------------------------

/** Writes as much as can be written: all, all but what fails alone, only texts, only short texts of the first. */
function encodeErrors(errors: readonly Described[], out: Outgoing, limits: CodecLimits): void {
  const forms: (() => Thrown)[] = [
    () => errors,
    () => errors.map((error) => withoutUnsendable(error, limits)),
    () => errors.map(onlyTexts),
    () => [shortened(onlyTexts(errors[0]!))],
  ]
  for (const form of forms) {
    try {
      encodeStructured(form(), out, limits)
      return
    } catch {
      // The next form leaves out more.
    }
  }
  encodeStructured([unreadable(errors[0]!.message?.slice(0, 80) ?? '')], out, limits)
}

function withoutUnsendable(error: Described, limits: CodecLimits): Described {
  const scratch = new Outgoing({ initialBytes: 4096 })
  const canBeSent = (value: unknown): boolean => {
    scratch.reset()
    try {
      encodeStructured(value, scratch, { ...limits, maxDepth: limits.maxDepth - WRAPPING_LEVELS })
      return true
    } catch {
      return false
    }
  }
  const isLinkSendable = ([kind, target]: Link): boolean => kind === 0 || canBeSent(target)
  const properties: unknown[] = []
  for (let i = 0; i < error.properties.length; i += 2) {
    const [key, value] = [error.properties[i], error.properties[i + 1]]
    if (canBeSent(value)) properties.push(key, value)
  }
  return {
    ...error,
    properties,
    links: error.links.filter(([, link]) => isLinkSendable(link)),
    errors: error.errors?.filter(isLinkSendable),
  }
}

function onlyTexts(error: Described): Described {
  return {
    ...error,
    links: error.links.filter(([, [kind]]) => kind === 0),
    errors: error.errors?.filter(([kind]) => kind === 0),
    properties: [],
  }
}

function shortened(error: Described): Described {
  const cut = (text: string): string =>
    text.length > SHORT_CHARACTERS ? `${text.slice(0, SHORT_CHARACTERS)}…` : text
  return {
    ...error,
    name: cut(error.name),
    message: error.message === undefined ? undefined : cut(error.message),
    stack: error.stack === undefined ? undefined : cut(error.stack),
    links: [],
    errors: error.errors && [],
  }
}

// --- decoding -----------------------------------------------------------------------------------------------------

const malformed = (cause?: unknown): PlumpSerializationError =>
  new PlumpSerializationError(
    'ERR_PLUMP_DECODE',
    'The bytes that came from the other process are no thrown error. Do both sides use the same version?',
    { cause },
  )

function reviveAll(thrown: unknown): Error {
  try {
    if (!Array.isArray(thrown) || thrown.length === 0) throw malformed()
    const described = thrown as Described[]
    const errors = described.map(make)
    for (let i = 0; i < errors.length; i++) complete(errors[i]!, described[i]!, errors)
    return errors[0]!
  } catch (error) {
    throw error instanceof PlumpSerializationError ? error : malformed(error)
  }
}

function make({ type, name, message }: Described): Error {
  if (typeof type !== 'string' || typeof name !== 'string') throw malformed()
  if (message !== undefined && typeof message !== 'string') throw malformed()
  return withoutFrames(() => {
    if (type === 'DOMException') return new DOMException(message, name)
    if (type === 'AggregateError') return new AggregateError([], message)
    if (Object.hasOwn(errorClasses, type)) {
      const { prototype } = errorClasses[type as keyof typeof errorClasses]
      return Object.setPrototypeOf(new Error(message), prototype) as Error
    }
    const constructor = (LANGUAGE_CLASSES as readonly string[]).includes(type)
      ? (globalThis as unknown as Record<string, ErrorConstructor | undefined>)[type]
      : undefined
    if (constructor === undefined) return new Error(message)
    if (type !== 'SuppressedError') return new constructor(message)
    const error = new constructor()
    if (message !== undefined) hide(error, 'message', message)
    return error
  })
}

function complete(error: Error, described: Described, errors: readonly Error[]): void {
  const { name, stack, links, errors: members, properties } = described
  const follow = ([kind, target]: Link): unknown => {
    if (kind === 1) return target
    const linked = typeof target === 'number' ? errors[target] : undefined
    if (linked === undefined) throw malformed()
    return linked
  }
  if (error.name !== name) hide(error, 'name', name)
  setStack(error, typeof stack === 'string' ? stack : `${name}: ${error.message}`)
  for (const [property, link] of links) hide(error, property, follow(link))
  if (members !== undefined) hide(error, 'errors', members.map(follow))
  for (let i = 0; i < properties.length; i += 2) {
    const key = properties[i]
    if (typeof key !== 'string') throw malformed()
    Object.defineProperty(error, key, {
      value: properties[i + 1],
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
}

/** As the language itself keeps these: not listed among the properties. */
function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    enumerable: false,
    configurable: true,
  })
}

// --- stacks -------------------------------------------------------------------------------------------------------

/**
 * Start of the location of every frame in this package, e.g. `file:///…/src/` or `/…/dist/`, if the engine tells. Asked at
 * the first error only: making a stack takes a starting worker half a millisecond.
 */
function packageLocation(): string | undefined {
  return (location ??= locate()).of
}
let location: { readonly of: string | undefined } | undefined

function locate(): { readonly of: string | undefined } {
  const stack: unknown = new Error().stack
  if (typeof stack !== 'string') return { of: undefined }
  // This file as it is, or as a part of the built one.
  const here = /((?:file:\/\/)?[^\s(]*[/\\])(?:codec[/\\]thrown\.\w+|worker\.cjs):/
  return { of: here.exec(stack)?.[1] }
}

/**
 * Puts the caller's frames under those of the worker, from where the error came: both ends of the call are in one
 * stack. `callerStack` is the `stack` of an error made at the call; its first line and this package's frames are
 * left out. Does nothing if either has no frames or the error cannot be changed.
 */
export function joinStacks(error: unknown, callerStack: string): void {
  attempt(() => {
    const { stack } = error as { stack?: unknown }
    if (typeof stack !== 'string') return
    const here = packageLocation()
    const frames = callerStack
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .filter((line) => here === undefined || !line.includes(here))
    if (frames.length === 0) return
    ;(error as { stack?: unknown }).stack = `${stack}\n${frames.join('\n')}`
  })
}
