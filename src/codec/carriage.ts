// What an object is to structured clone, which looks at internal slots and not at prototypes, seen from
// JavaScript, which can ask for most of these slots but not for all.

import { types } from 'node:util'
import { BLOCK } from '../block.js'

const SHARED_MEMORY =
  'is a SharedArrayBuffer or a view of one, which another process cannot share. Send a copy: new Uint8Array(view).'
const FOREIGN =
  'belongs to this process and cannot be sent to another one. Send the plain data that the other side needs.'

const called = (name: string): string => `is a ${name}: it ${FOREIGN}`

/** What has an own kind of state that structured clone refuses and that can be asked for. */
const REFUSED_KINDS: readonly (readonly [(value: unknown) => boolean, string])[] = [
  [types.isPromise, 'is a Promise, which cannot be sent. Await it first.'],
  [types.isWeakMap, called('WeakMap')],
  [types.isWeakSet, called('WeakSet')],
  [
    types.isGeneratorObject,
    'is a generator, which cannot be sent. Collect its values in an array.',
  ],
  [types.isMapIterator, 'is an iterator, which cannot be sent. Collect its values in an array.'],
  [types.isSetIterator, 'is an iterator, which cannot be sent. Collect its values in an array.'],
  [types.isArgumentsObject, 'is an arguments object, which cannot be sent. Send [...arguments].'],
  [types.isModuleNamespaceObject, called('module namespace')],
  [types.isExternal, called('native pointer')],
  [types.isSharedArrayBuffer, SHARED_MEMORY],
]

export const SHARED_MEMORY_REFUSAL = SHARED_MEMORY
export const PROXY_REFUSAL =
  'is a Proxy, which structured clone refuses. Send a copy of what it stands for: { ...proxy }.'
export const DETACHED_REFUSAL =
  'is a detached ArrayBuffer, or a view that its ArrayBuffer no longer holds. Send it before it is transferred.'

/** Classes of the language whose state cannot be asked for: refused by the prototypes that lead to them. */
const REFUSED_INTRINSICS = new Set([
  'AsyncDisposableStack',
  'DisposableStack',
  'FinalizationRegistry',
  'Iterator',
  'Promise',
  'WeakMap',
  'WeakRef',
  'WeakSet',
])
const REFUSED_NAMESPACES = ['Intl', 'WebAssembly', 'Temporal'] as const

/**
 * Classes of the platform that are refused everywhere, whatever this Node makes of them: a handle stays behind. Not
 * imported: loading these modules takes a starting worker 4 ms, and most never meet an instance of a class.
 */
function refusedClasses(): readonly { readonly name: string }[] {
  const { BlockList, SocketAddress } = process.getBuiltinModule('node:net')
  const { createHistogram } = process.getBuiltinModule('node:perf_hooks')
  // A Node that was built without OpenSSL has none, nor anything that could be an instance of its classes.
  const crypto = process.getBuiltinModule('node:crypto') as typeof import('node:crypto') | undefined
  return [
    process.getBuiltinModule('node:buffer').Blob,
    BlockList,
    ...(crypto === undefined ? [] : [crypto.KeyObject, crypto.X509Certificate]),
    process.getBuiltinModule('node:worker_threads').MessagePort,
    process.getBuiltinModule('node:vm').Script,
    SocketAddress,
    (Object.getPrototypeOf(createHistogram()) as object).constructor,
  ]
}
const REFUSED_GLOBALS = [
  'BroadcastChannel',
  'CompressionStream',
  'CryptoKey',
  'DecompressionStream',
  'EventSource',
  'File',
  'FormData',
  'ReadableStream',
  'Request',
  'Response',
  'TransformStream',
  'WebSocket',
  'WritableStream',
] as const

/** Classes of the platform that one Node clones as plain objects and the next refuses: this Node is asked, once. */
const ASKED_GLOBALS: Readonly<
  Record<string, (constructor: new (...args: string[]) => object) => object>
> = {
  CloseEvent: (CloseEvent) => new CloseEvent('close'),
  Headers: (Headers) => new Headers(),
  MessageEvent: (MessageEvent) => new MessageEvent('message'),
  URL: (URL) => new URL('a:b'),
  URLPattern: (URLPattern) => new URLPattern(),
  URLSearchParams: (URLSearchParams) => new URLSearchParams(),
}

const globals = globalThis as unknown as Record<string, unknown>
const functionText = Function.prototype.toString
const PLAIN = ''

let refusals: Map<object, string> | undefined

/** What is known of prototypes without looking at them. Made at the first class instance: touching some globals loads them. */
function refusedPrototypes(): Map<object, string> {
  if (refusals !== undefined) return refusals
  refusals = new Map()
  const refuse = (candidate: unknown, name: string): void => {
    const prototype: unknown = typeof candidate === 'function' ? candidate.prototype : undefined
    if (typeof prototype === 'object' && prototype !== null) refusals!.set(prototype, called(name))
  }
  for (const name of REFUSED_INTRINSICS) refuse(globals[name], name)
  for (const namespace of REFUSED_NAMESPACES) {
    const members = globals[namespace]
    if (typeof members !== 'object' || members === null) continue
    for (const name of Object.getOwnPropertyNames(members)) {
      refuse((members as Record<string, unknown>)[name], `${namespace}.${name}`)
    }
  }
  for (const candidate of refusedClasses()) refuse(candidate, candidate.name)
  for (const name of REFUSED_GLOBALS) refuse(globals[name], name)
  for (const [name, sample] of Object.entries(ASKED_GLOBALS)) {
    const candidate = globals[name]
    if (typeof candidate !== 'function') continue
    try {
      structuredClone(sample(candidate as new (...args: string[]) => object))
    } catch {
      refuse(candidate, name)
    }
  }
  // A native object without a name, and yet what structured clone copies: as plain as its strings.
  refusals.set(Object.getPrototypeOf(process.env) as object, PLAIN)
  refusals.delete(Object.prototype)
  for (const iterator of [[].values(), ''[Symbol.iterator](), ''.matchAll(/./g)]) {
    refusals.set(
      Object.getPrototypeOf(iterator),
      'is an iterator, which cannot be sent. Collect its values in an array.',
    )
  }
  return refusals
}

/** What is known of all instances with one prototype. */
interface Verdict {
  /** Why they cannot be sent, or '' if their own properties can. */
  readonly refusal: string
  /** No prototype on the way up is of native code: nothing special is to be expected behind it. */
  readonly isOrdinary: boolean
  /** They are blocks, which have a form of their own. */
  readonly isBlock: boolean
}

const verdicts = new WeakMap<object, Verdict>()

/**
 * Judged once for each prototype. What an instance hides behind a prototype that is not its own is found by
 * `refusedKind`.
 */
export function verdictOn(prototype: object): Verdict {
  let verdict = verdicts.get(prototype)
  if (verdict === undefined) {
    verdict = judge(prototype)
    verdicts.set(prototype, verdict)
  }
  return verdict
}

function judge(prototype: object): Verdict {
  const refused = refusedPrototypes()
  const refuse = (refusal: string): Verdict => ({ refusal, isOrdinary: false, isBlock: false })
  let isOrdinary = true
  for (
    let at: object | null = prototype;
    at !== null;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    if (at === Object.prototype) break
    if (types.isProxy(at)) return refuse(PROXY_REFUSAL)
    if (Object.hasOwn(at, BLOCK)) return { refusal: PLAIN, isOrdinary: false, isBlock: true }
    const known = refused.get(at)
    if (known !== undefined) return refuse(known)
    const constructor: unknown = Object.getOwnPropertyDescriptor(at, 'constructor')?.value
    if (typeof constructor !== 'function') continue
    const name = String(Object.getOwnPropertyDescriptor(constructor, 'name')?.value ?? '')
    // The file handle's class is exported nowhere.
    if (name === 'FileHandle' && Object.hasOwn(at, 'fd')) return refuse(called(name))
    if (!/\{\s*\[native code\]\s*\}$/.test(functionText.call(constructor))) continue
    isOrdinary = false
    if (constructor === globals[name]) continue
    // Written in native code and no class of the language, of this realm or, by its name, of another one:
    // an object of Node's core or of an addon, with something behind it that stays in this process.
    if (REFUSED_INTRINSICS.has(name)) return refuse(called(name))
    if (!(name in globals)) return refuse(called(name === '' ? 'native object' : name))
  }
  return { refusal: PLAIN, isOrdinary, isBlock: false }
}

/** Why this object cannot be sent, whatever its prototype says, or '' if its own properties can. */
export function refusedKind(value: object): string {
  for (const [is, refusal] of REFUSED_KINDS) {
    if (is(value)) return refusal
  }
  const { isRawJSON } = JSON as { isRawJSON?: (value: unknown) => boolean }
  if (isRawJSON?.(value) === true) return called('raw JSON value')
  return PLAIN
}
