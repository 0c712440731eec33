// `npm run bench`: side-by-side measurements.
console.log('no measurements yet')
