// 64 bits of a key, by which the core tells keys apart and finds their place. Two keys with the same 64 bits, one pair in some
// 10^19, are taken for one: their calls wait for each other and nothing else happens.

const { imul } = Math

/** The low and the high half. */
export function hashOf(key: string): [low: number, high: number] {
  let low = 0x9e37_79b9 ^ key.length
  let high = 0x85eb_ca6b
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i)
    low = imul(low ^ unit, 0x0100_0193)
    high = imul(high ^ unit, 0xcc9e_2d51)
    high = (high << 13) | (high >>> 19)
  }
  return [finished(low ^ (high >>> 16)), finished(high ^ low)]
}

/** Every bit of the word changes every bit of what is returned, half of the time. */
function finished(word: number): number {
  word = imul(word ^ (word >>> 16), 0x85eb_ca6b)
  word = imul(word ^ (word >>> 13), 0xc2b2_ae35)
  return (word ^ (word >>> 16)) >>> 0
}
