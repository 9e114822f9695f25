/** A page to read the OpenAPI document, complete in itself: nothing is loaded from elsewhere. */
export const documentationPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errand API</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  summary { cursor: pointer; padding: .35rem 0; }
  code, pre { font: 13px/1.45 ui-monospace, monospace; }
  pre { overflow: auto; padding: .75rem; background: color-mix(in srgb, currentColor 7%, transparent); border-radius: 6px; max-height: 28rem; }
  .method { display: inline-block; min-width: 4.2rem; font-weight: 600; text-transform: uppercase; }
  details { border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
</style>
<h1>Errand API</h1>
<p id="about">Loading <a href="openapi.json">openapi.json</a> …</p>
<main id="operations"></main>
<script>
const element = (name, text, className) => Object.assign(document.createElement(name), { textContent: text ?? '', className: className ?? '' });
const block = (title, value) => {
  const fragment = document.createDocumentFragment();
  fragment.append(element('h4', title), element('pre', JSON.stringify(value, null, 2)));
  return fragment;
};
fetch('openapi.json').then((response) => response.json()).then((api) => {
  document.getElementById('about').textContent = api.info.description + ' Version ' + api.info.version + '.';
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const details = element('details');
      const summary = element('summary');
      summary.append(element('span', method, 'method'), element('code', path), element('span', ' — ' + operation.summary));
      details.append(summary);
      if (operation.parameters.length > 0) details.append(block('Parameters', operation.parameters));
      if (operation.requestBody) details.append(block('Body', operation.requestBody.content));
      details.append(block('Answers', operation.responses));
      document.getElementById('operations').append(details);
    }
  }
  const schemas = element('details');
  schemas.append(element('summary', 'Schemas'), element('pre', JSON.stringify(api.components.schemas, null, 2)));
  document.getElementById('operations').append(schemas);
}, (error) => { document.getElementById('about').textContent = 'openapi.json could not be loaded: ' + error; });
</script>
</html>
`;
