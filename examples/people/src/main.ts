console.log('placeholder', process.version, process.argv.slice(2))
