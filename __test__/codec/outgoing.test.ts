import test from 'ava'
import { Outgoing } from '../../src/codec/outgoing.js'

test('the backing owns its whole ArrayBuffer', (t) => {
  const out = new Outgoing()
  t.deepEqual(
    [out.bytes.length, out.bytes.byteOffset, out.bytes.buffer.byteLength],
    [262_144, 0, 262_144],
  )
  out.reserve(1_000_000)
  t.deepEqual(
    [out.bytes.length, out.bytes.byteOffset, out.bytes.buffer.byteLength],
    [1_048_576, 0, 1_048_576],
  )
  t.is(out.view.buffer, out.bytes.buffer)
})

test('growing doubles, keeps what was written and tells the new backing', (t) => {
  const told: Buffer[] = []
  const out = new Outgoing({ initialBytes: 16, onReplace: (bytes) => told.push(bytes) })
  t.deepEqual(told, [])
  out.bytes.write('0123456789')
  out.position = 10
  out.reserve(6)
  t.is(told.length, 0)
  out.reserve(7)
  t.is(out.bytes.length, 32)
  t.deepEqual(told, [out.bytes])
  t.is(out.bytes.toString('latin1', 0, 10), '0123456789')
})

test('above maxBytes growing is refused before it allocates', (t) => {
  const out = new Outgoing({ initialBytes: 1024, maxBytes: 4096 })
  out.position = 1000
  t.notThrows(() => out.reserve(3096))
  const { bytes } = out
  t.throws(() => out.reserve(2 ** 40), { code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE' })
  t.throws(() => out.reserve(6000), { code: 'ERR_PLUMP_PAYLOAD_TOO_LARGE' })
  t.is(out.bytes, bytes)
})

test('the memory of an unusually large message is given back', (t) => {
  const told: Buffer[] = []
  const out = new Outgoing({ onReplace: (bytes) => told.push(bytes) })
  out.reserve(1024 * 1024)
  out.reset()
  t.is(out.bytes.length, 1024 * 1024)
  out.reserve(1024 * 1024 + 1)
  out.position = 500
  out.reset()
  t.deepEqual([out.bytes.length, out.position, told.length], [262_144, 0, 3])
})

test('segments start at multiples of 8, counted from where the payload began', (t) => {
  const out = new Outgoing()
  out.position = 3
  const start = out.position
  out.position += 5
  t.is(out.payloadBytes(start), 5)
  out.addSegment(new Uint8Array(3))
  t.is(out.payloadBytes(start), 8 + 3)
  out.addSegment(new Uint8Array(8))
  t.is(out.payloadBytes(start), 16 + 8)
  t.is(out.segmentBytes, 11)
  out.reset()
  t.deepEqual([out.position, out.segments, out.segmentBytes], [0, [], 0])
})
