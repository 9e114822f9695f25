import { openApiDocument } from './document.ts';
import { documentationPage } from './page.ts';

/** What the API says of itself. */
export type Documentation = {
  /** The OpenAPI document of this version. */
  readonly openApi: (version: string) => object;
  /** A page to read it on. */
  readonly page: () => string;
};

let made: object | undefined;

/** The document is made when it is first asked for: most processes never are. */
export const documentation: Documentation = {
  openApi: (version) => {
    made ??= openApiDocument(version);
    return made;
  },
  page: () => documentationPage,
};
