/** Begins a migration that would take very long. Writes a line before it begins. Arguments: the database file. */

import { writeSync } from 'node:fs'
import { openDatabaseFile } from '../database-file.ts'
import { viewStoreMigrations } from '../migrations.ts'

const [path = ''] = process.argv.slice(2)
const endless = `CREATE TABLE extra (number INTEGER);
  INSERT INTO extra WITH RECURSIVE numbers (number) AS (VALUES (1) UNION ALL SELECT number + 1 FROM numbers)
  SELECT number FROM numbers`
writeSync(1, 'migrating\n')
openDatabaseFile({
  path,
  applicationId: 0x43494d56,
  kind: 'a view store',
  migrations: [...viewStoreMigrations, { version: viewStoreMigrations.length + 1, sql: endless }],
  synchronous: 'NORMAL',
  cacheMegabytes: 1,
})
