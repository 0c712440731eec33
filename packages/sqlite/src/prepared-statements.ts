/** Prepares many statements at once. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Statements, by the name of their SQL. */
export type PreparedStatements<TSql extends Readonly<Record<string, string>>> = {
  readonly [Name in keyof TSql]: StatementSync
}

/** @param sql one statement each @returns statements that give each row as an array */
export function prepareStatements<TSql extends Readonly<Record<string, string>>>(
  database: DatabaseSync,
  sql: TSql,
): PreparedStatements<TSql> {
  const statements = prepareForRecords(database, sql)
  for (const statement of Object.values<StatementSync>(statements)) statement.setReturnArrays(true)
  return statements
}

/** @param sql one statement each @returns statements that give each row as an object */
export function prepareForRecords<TSql extends Readonly<Record<string, string>>>(
  database: DatabaseSync,
  sql: TSql,
): PreparedStatements<TSql> {
  return Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, database.prepare(text)])) as never
}
