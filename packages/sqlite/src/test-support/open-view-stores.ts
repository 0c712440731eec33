/** Opens many new view stores one after the other. Arguments: the folder, how many, and when to begin, in ms since 1970. */

import { join } from 'node:path'
import { SqliteViewStore } from '../sqlite-view-store.ts'
import { numbersView } from './sample-views.ts'

const [folder = '', count = '', start = ''] = process.argv.slice(2)
while (Date.now() < Number(start));
for (let file = 0; file < Number(count); file++) {
  await using store = new SqliteViewStore({ path: join(folder, `${file}.db`) })
  await store.openView(numbersView)
}
