import { computed, PAGE_BASE, type PageDefinition, StandardPage, stored, uint } from './attribute-page.js';
import { concatenated, objectTimes } from './common-attributes.js';
import { policyTag, USERNAME_LENGTH_MAX } from './user-object-pages.js';

const ID_LENGTH = 8;

/** Pages of collections, OSD-2 "Collection … attributes page". */
export const collectionPages: ReadonlyMap<number, PageDefinition> = new Map<number, PageDefinition>([
  [
    StandardPage.information,
    {
      title: 'Collection Information',
      attributes: [
        computed(0x1, ({ name }) => uint(name.partitionId, ID_LENGTH)),
        computed(0x2, ({ name }) => uint(name.objectId, ID_LENGTH)),
        stored(PAGE_BASE.collection + StandardPage.information, 0x9, { min: 1, max: USERNAME_LENGTH_MAX }),
        computed(0x81, (context) => uint(context.information().usedBytes, ID_LENGTH)),
      ],
    },
  ],
  [StandardPage.timestamps, { title: 'Collection Timestamps', attributes: objectTimes, format: concatenated(objectTimes) }],
  [
    StandardPage.policySecurity,
    { title: 'Collection Policy/Security', attributes: [policyTag('collection')], format: concatenated([policyTag('collection')]) },
  ],
]);
