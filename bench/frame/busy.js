// A process that does nothing but use a CPU, for the regime "beside two busy processes".
// Bounded twice: by its argument (seconds) and by the end of its parent.
const end = Date.now() + Number(process.argv[2]) * 1000
const parent = process.ppid
process.stdout.write('busy\n')
while (Date.now() < end && process.ppid === parent) {
  for (let index = 0; index < 1e7; index++);
}
