import { runInNewContext } from 'node:vm'
import test from 'ava'
import { PlumpSerializationError, PlumpTimeoutError } from '../../src/errors.js'
import { resolveCodec } from '../../src/codec/codec.js'
import { DEFAULT_CODEC_LIMITS, type CodecLimits } from '../../src/codec/limits.js'
import { Outgoing } from '../../src/codec/outgoing.js'
import { decodeThrown, encodeThrown, joinStacks } from '../../src/codec/thrown.js'
import { gather } from './round-trip.js'

const structured = resolveCodec('structured')

function carry<T = Error & Record<string, unknown>>(
  thrown: unknown,
  limits?: CodecLimits,
  codec = structured,
): T {
  const out = new Outgoing()
  out.position = 5
  t_encode(thrown, out, codec, limits)
  const wire = gather(out, 5)
  const bytes = Buffer.concat([Buffer.alloc(3), wire])
  return decodeThrown(bytes, 3, bytes.length, codec, limits) as T
}
const t_encode = (
  thrown: unknown,
  out: Outgoing,
  codec = structured,
  limits: CodecLimits = DEFAULT_CODEC_LIMITS,
): void => encodeThrown(thrown, out, codec, limits)

class ParseError extends SyntaxError {
  readonly line = 7
}
class Silent extends Error {
  override name = 'Loud'
}

for (const constructor of [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
]) {
  test(`${constructor.name} arrives as one, with message and stack`, (t) => {
    const thrown = new constructor('text')
    const got = carry(thrown)
    t.is(Object.getPrototypeOf(got), constructor.prototype)
    t.deepEqual([got.name, got.message, got.stack], [constructor.name, 'text', thrown.stack])
    t.deepEqual(Object.keys(got), [])
    t.is(Object.prototype.toString.call(got), '[object Error]')
  })
}

test('an AggregateError arrives with its errors, and with what among them is none', (t) => {
  const inner = new TypeError('a')
  const got = carry<AggregateError & { cause?: unknown }>(
    new AggregateError([inner, inner, 'text', new AggregateError([1])], 'all', { cause: inner }),
  )
  t.true(got instanceof AggregateError)
  t.true(got.errors[0] instanceof TypeError)
  t.is(got.errors[0], got.errors[1])
  t.is(got.cause, got.errors[0])
  t.is(got.errors[2], 'text')
  t.deepEqual((got.errors[3] as AggregateError).errors, [1])
})

test('a DOMException arrives with its name and code', (t) => {
  const got = carry<DOMException>(new DOMException('too late', 'TimeoutError'))
  t.true(got instanceof DOMException)
  t.deepEqual([got.name, got.code, got.message], ['TimeoutError', 23, 'too late'])
  t.is(typeof got.stack, 'string')
})

test('a class of its own arrives as the nearest known one, under its name', (t) => {
  const got = carry(new ParseError('bad'))
  t.true(got instanceof SyntaxError)
  t.deepEqual([got.name, got.message, got['line']], ['ParseError', 'bad', 7])
  t.is(carry(new Silent('x')).name, 'Loud')
  t.deepEqual(Object.keys(carry(new Silent('x'))), [])
})

test('an error of Node keeps class, code and details', async (t) => {
  const { readFile } = await import('node:fs/promises')
  const missing = await t.throwsAsync<NodeJS.ErrnoException>(() => readFile('/does/not/exist'))
  const got = carry(missing)
  t.deepEqual(
    [got['code'], got['errno'], got['syscall'], got['path']],
    ['ENOENT', -2, 'open', '/does/not/exist'],
  )
  const invalid = t.throws(() => Buffer.alloc('x' as unknown as number), { any: true })
  t.deepEqual([carry(invalid).name, carry(invalid)['code']], ['TypeError', 'ERR_INVALID_ARG_TYPE'])
})

test('an error of this package arrives as one', (t) => {
  const got = carry<PlumpTimeoutError>(
    new PlumpTimeoutError('ERR_PLUMP_CALL_TIMEOUT', 'late', { timeoutMs: 5 }),
  )
  t.true(got instanceof PlumpTimeoutError)
  t.deepEqual(
    [got.name, got.code, got.timeoutMs, got.message],
    ['PlumpTimeoutError', 'ERR_PLUMP_CALL_TIMEOUT', 5, 'late'],
  )
})

test('an error of another realm is one here', (t) => {
  const got = carry(runInNewContext('new RangeError("far")'))
  t.true(got instanceof RangeError)
  t.is(got.message, 'far')
})

test('own properties arrive, but for those that cannot be sent', (t) => {
  const map = new Map([[1, { deep: [1n] }]])
  const got = carry(
    Object.assign(new Error('x'), {
      code: 'E_CODE',
      map,
      callback: () => 1,
      nested: { ok: 1 },
      broken: { fn: () => 1 },
      symbol: Symbol('s'),
      inner: new TypeError('value'),
    }),
  )
  t.deepEqual(Object.keys(got), ['code', 'map', 'nested', 'inner'])
  t.deepEqual(got['map'], map)
  t.is((got['inner'] as Error).message, 'value')
  t.false('callback' in got)
})

test('the chain of causes arrives, however long and if it closes', (t) => {
  let long: Error = new Error('0')
  for (let i = 1; i < 500; i++) long = new Error(String(i), { cause: long })
  let got: unknown = carry(long)
  let links = 0
  for (; got instanceof Error; got = got.cause) links++
  t.is(links, 500)

  const one = new Error('one')
  one.cause = new TypeError('two', { cause: one })
  const back = carry(one)
  t.is((back.cause as Error).cause, back)
  t.is(carry(new Error('x', { cause: { reason: [1] } })).cause instanceof Error, false)
  t.deepEqual(carry(new Error('x', { cause: { reason: [1] } })).cause, { reason: [1] })
  t.true(Object.hasOwn(carry(new Error('x', { cause: undefined })), 'cause'))
  t.false(Object.hasOwn(carry(new Error('x')), 'cause'))
})

test('errors beyond the bound are left out', (t) => {
  let long: Error = new Error('0')
  for (let i = 1; i < 5000; i++) long = new Error(String(i), { cause: long })
  let got: unknown = carry(long)
  let links = 0
  for (; got instanceof Error; got = got.cause) links++
  t.is(links, 1000)
  const many = carry<AggregateError>(
    new AggregateError(Array.from({ length: 5000 }, () => new Error('x'))),
  )
  t.is(many.errors.length, 999)
})

test('what is thrown and no error arrives as it was', (t) => {
  for (const thrown of [undefined, null, 0, -0, 'text', 5n, NaN])
    t.is(carry(thrown), thrown as never)
  t.deepEqual(carry({ reason: new Map([[1, 2]]) }), { reason: new Map([[1, 2]]) } as never)
  t.deepEqual(carry(new Uint8Array(50_000).fill(1)), new Uint8Array(50_000).fill(1) as never)
})

test('what is thrown and cannot be sent arrives as its refusal', (t) => {
  for (const thrown of [() => 1, Symbol('x'), Promise.resolve(), { fn: () => 1 }, new WeakMap()]) {
    const got = carry<PlumpSerializationError>(thrown)
    t.true(got instanceof PlumpSerializationError)
    t.is(got.code, 'ERR_PLUMP_UNSERIALIZABLE')
    t.true(got.path?.startsWith('result'))
  }
})

test('thrown values take the custom codec, errors never do', (t) => {
  const codec = resolveCodec({
    name: 'angry',
    encode: (value) =>
      value === 'fine'
        ? 'FINE'
        : (() => {
            throw new RangeError('never')
          })(),
    decode: (bytes) => Buffer.from(bytes).toString().toLowerCase(),
  })
  t.is(carry<string>('fine', undefined, codec), 'fine')
  t.is(carry(new TypeError('x'), undefined, codec).message, 'x')
  const got = carry(5, undefined, codec)
  t.is(got['code'], 'ERR_PLUMP_CODEC')
  t.true(got.cause instanceof RangeError)
})

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
  revoke()
  return proxy
}
const throwing = (): never => {
  throw new Error('from a getter')
}
const endless: ProxyHandler<Error> = { getPrototypeOf: () => new Proxy(new Error('x'), endless) }

/** Each must give an Error, with this message if one is named. */
const awkward: [name: string, thrown: () => unknown, message?: string][] = [
  ['a revoked proxy', revoked],
  ['a proxy of an error', () => new Proxy(new TypeError('inside'), {}), 'inside'],
  [
    'a proxy whose traps throw',
    () =>
      new Proxy(new Error('x'), {
        get: throwing,
        ownKeys: throwing,
        getPrototypeOf: throwing,
        getOwnPropertyDescriptor: throwing,
        has: throwing,
      }),
  ],
  ['a proxy with endless prototypes', () => new Proxy(new Error('x'), endless)],
  ['a frozen error', () => Object.freeze(new Error('frozen')), 'frozen'],
  [
    'getters that throw',
    () =>
      Object.defineProperties(
        new Error('x'),
        Object.fromEntries(
          ['stack', 'message', 'name', 'cause', 'code', 'own'].map((key) => [
            key,
            { get: throwing, enumerable: true },
          ]),
        ),
      ),
  ],
  [
    'a message that is an object',
    () => Object.assign(new Error(), { message: { toString: () => 'made' } }),
    'made',
  ],
  [
    'a message that is a symbol',
    () => Object.assign(new Error(), { message: Symbol('sym') }),
    'Symbol(sym)',
  ],
  [
    'a message without text',
    () => Object.assign(new Error(), { message: Object.create(null) as unknown }),
  ],
  ['a name that is a symbol', () => Object.assign(new Error('x'), { name: Symbol('n') }), 'x'],
  ['no prototype', () => Object.setPrototypeOf(new Error('bare'), null) as unknown, 'bare'],
  ['only the prototype of an error', () => Object.create(TypeError.prototype) as unknown, ''],
  ['errors that are no list', () => Object.assign(new AggregateError([], 'x'), { errors: 5 }), 'x'],
  ['a stack that is no text', () => Object.assign(new Error('x'), { stack: { frames: 1 } }), 'x'],
  [
    'a constructor that throws',
    () => Object.defineProperty(new Error('x'), 'constructor', { get: throwing }),
    'x',
  ],
  [
    'a property that holds it',
    () => {
      const e: Error & { self?: unknown } = new Error('x')
      e.self = e
      return e
    },
    'x',
  ],
  [
    'a property that is a proxy',
    () => Object.assign(new Error('x'), { request: new Proxy({}, {}) }),
    'x',
  ],
  ['a cause that is a function', () => new Error('x', { cause: () => 1 }), 'x'],
  [
    'a property that is nested too deep',
    () => {
      let deep: unknown = 1
      for (let i = 0; i < 5000; i++) deep = [deep]
      return Object.assign(new Error('x'), { deep, kept: 1 })
    },
    'x',
  ],
]
for (const [name, thrown, message] of awkward) {
  test(`something useful arrives of an error with ${name}`, (t) => {
    const got = carry(thrown())
    t.true(got instanceof Error)
    t.is(typeof got.stack, 'string')
    if (message !== undefined) t.is(got.message, message)
  })
}

test('of an error that is too large the texts arrive, in the end shortened', (t) => {
  const limits = { ...DEFAULT_CODEC_LIMITS, maxPayloadBytes: 100_000 }
  const large = carry(
    Object.assign(new Error('text'), { code: 'E', huge: new Uint8Array(1e6) }),
    limits,
  )
  t.deepEqual([large.message, large['code'], 'huge' in large], ['text', 'E', false])
  const many = carry(
    Object.assign(new Error('text'), { a: 'x'.repeat(60_000), b: 'x'.repeat(60_000) }),
    limits,
  )
  t.is(many.message, 'text')
  const long = carry(new Error('x'.repeat(200_000)), limits)
  t.true(long.message.startsWith('x'.repeat(8000)) && long.message.length < 10_000)
  const tiny = carry(new TypeError('what happened'), {
    ...DEFAULT_CODEC_LIMITS,
    maxPayloadBytes: 10,
  })
  t.true(tiny instanceof Error)
})

test('an error whose stack ran over is an error like others', (t) => {
  const overflow = t.throws(
    () => {
      const loop = (): number => loop() + 1
      loop()
    },
    { any: true },
  )
  t.true(carry(overflow) instanceof RangeError)
})

test('bytes that are no thrown error are refused by code', (t) => {
  const out = new Outgoing()
  t_encode(new Error('x', { cause: new Error('y') }), out)
  const wire = gather(out)
  let refusals = 0
  for (let at = 0; at < wire.length; at++) {
    for (const byte of [0, 1, 0x7f, 0xb1, 0xff, wire[at]! ^ 1]) {
      const bytes = Buffer.from(wire)
      bytes[at] = byte
      try {
        decodeThrown(bytes, 0, bytes.length, structured)
      } catch (error) {
        refusals++
        t.true(
          error instanceof PlumpSerializationError && error.code === 'ERR_PLUMP_DECODE',
          String(error),
        )
      }
    }
    t.throws(() => decodeThrown(wire, 0, at, structured), { instanceOf: PlumpSerializationError })
  }
  t.true(refusals > 50)
})

test('both ends of a call are in one stack: the worker’s frames above the caller’s', (t) => {
  const got = carry(new Error('x'))
  got.stack = 'Error: x\n    at handler (/app/worker.js:1:1)'
  joinStacks(got, 'Error\n    at caller (/app/main.js:2:2)\n    at async outer (/app/main.js:3:3)')
  t.is(
    got.stack,
    'Error: x\n    at handler (/app/worker.js:1:1)\n    at caller (/app/main.js:2:2)\n    at async outer (/app/main.js:3:3)',
  )
})

test('this package’s own frames are left out of the caller’s', (t) => {
  const inside = new URL('../../src/codec/thrown.ts', import.meta.url)
  for (const location of [inside.href, inside.pathname]) {
    const error = new Error('x')
    error.stack = 'Error: x'
    joinStacks(error, `Error\n    at call (${location}:1:1)\n    at caller (/app/main.js:2:2)`)
    t.true(error.stack.endsWith('at caller (/app/main.js:2:2)'))
    if (new Error().stack?.includes(location.slice(0, 7)) === true)
      t.false(error.stack.includes('at call '))
  }
})

test('stacks that cannot be joined stay as they are', (t) => {
  const frozen = Object.freeze(new Error('x'))
  for (const error of ['text', null, undefined, 5, frozen, {}])
    t.notThrows(() => joinStacks(error, 'Error\n    at x (y:1:1)'))
  const error = new Error('x')
  const { stack } = error
  joinStacks(error, 'no frames')
  t.is(error.stack, stack)
})
