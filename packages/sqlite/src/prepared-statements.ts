/** Prepares many statements at once. */

import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Statements that give each row as an array, by the name of their SQL. */
export type PreparedStatements<TSql extends Readonly<Record<string, string>>> = {
  readonly [Name in keyof TSql]: StatementSync
}

/** @param sql one statement each */
export function prepareStatements<TSql extends Readonly<Record<string, string>>>(
  database: DatabaseSync,
  sql: TSql,
): PreparedStatements<TSql> {
  const prepare = (text: string): StatementSync => {
    const statement = database.prepare(text)
    statement.setReturnArrays(true)
    return statement
  }
  return Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, prepare(text)])) as never
}
