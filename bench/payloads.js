/** A generator of pseudo-random numbers in [0, 1) (mulberry32), so that a seed repeats a run. */
export function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const WORDS = ['alpha', 'bravo', 'carbon', 'delta', 'echo', 'fjord', 'gamma', 'harbour', 'indigo']

export function smallObject(index) {
  return { id: index, name: `item-${index}`, tags: ['new', 'sale'], ok: index % 2 === 0 }
}

/** A nested object of about 10 KB as JSON: 40 orders, each with a customer, lines and a flag. */
export function nestedObject(seed) {
  const random = randomFrom(seed)
  const word = () => WORDS[Math.floor(random() * WORDS.length)]
  const orders = []
  for (let index = 0; index < 40; index++) {
    orders.push({
      id: index,
      customer: {
        name: `${word()} ${word()}`,
        address: { street: `${word()} ${Math.floor(random() * 200)}`, zip: '10115' },
      },
      lines: [
        { sku: `${word()}-1`, count: Math.floor(random() * 9), price: random() * 100 },
        { sku: `${word()}-2`, count: Math.floor(random() * 9), price: random() * 100 },
      ],
      tags: [word(), word()],
      paid: random() < 0.5,
      note: null,
    })
  }
  return { seed, orders }
}

export function randomBytes(length, seed) {
  const random = randomFrom(seed)
  const bytes = Buffer.allocUnsafeSlow(length)
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, length >> 2)
  for (let index = 0; index < words.length; index++) words[index] = random() * 4294967296
  for (let index = words.length * 4; index < length; index++) bytes[index] = random() * 256
  return bytes
}
