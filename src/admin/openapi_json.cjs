// node openapi_json.cjs FILE UI_DIR: the YAML file as JSON on stdout, with the YAML reader the UI's own build brings.
const fs = require('node:fs');
const path = require('node:path');
const yaml = require(path.join(process.argv[3], 'node_modules', 'js-yaml'));
process.stdout.write(JSON.stringify(yaml.load(fs.readFileSync(process.argv[2], 'utf8'))));
