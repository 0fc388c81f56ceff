/* The form of `decide.html`: what is filled in becomes the YAML that `render --people` takes. */
(() => {
  'use strict';
  const main = document.querySelector('main');
  const words = JSON.parse(main.dataset.words);
  const subject = JSON.parse(main.dataset.subject);
  const state = document.getElementById('state');
  const shown = document.getElementById('text');
  const value = (element) => (element ? element.value.trim() : '');
  const by = (name) => value(document.getElementById(`by-${name}`));
  const all = (selector) => [...document.querySelectorAll(selector)];
  const attached = new WeakMap();

  const quoted = (text) => yamlFile.quoted(text.normalize('NFC'));
  const line = (indent, key, text) => (text ? [`${indent}${key}: ${quoted(text)}`] : []);

  function decision(question) {
    const verdict = value(question.querySelector('.verdict'));
    if (!verdict) return [];
    const documents = attached.get(question) || [];
    return [
      `  - ${question.dataset.kind}: ${quoted(question.dataset.key)}`,
      ...line('    ', 'evidence', question.dataset.evidence),
      ...line('    ', 'verdict', verdict),
      ...line('    ', 'reason', value(question.querySelector('.reason'))),
      ...(verdict === 'accepted_with_conditions'
        ? line('    ', 'conditions', value(question.querySelector('.conditions'))) : []),
      ...line('    ', 'valid_until', value(question.querySelector('.until'))),
      ...line('    ', 'supersedes', value(question.querySelector('.supersedes'))),
      ...(documents.length ? ['    attachments:'] : []),
      ...documents.map((item) => `      - {path: ${quoted(item.path)}, sha256: ${quoted(item.sha256)}}`),
    ];
  }

  function statement(label) {
    const text = value(label.querySelector('textarea'));
    return text ? [`  ${label.dataset.field}: {text: ${quoted(text)}}`] : [];
  }

  function yaml() {
    const decisions = all('.question').flatMap(decision);
    const statements = all('.statement').flatMap(statement);
    return [
      'subject:', ...Object.entries(subject).map(([key, text]) => `  ${key}: ${quoted(text)}`),
      'by:', ...['name', 'role', 'title', 'date'].flatMap((key) => line('  ', key, by(key))),
      ...(decisions.length ? ['decisions:', ...decisions] : []),
      ...(statements.length ? ['statements:', ...statements] : []),
    ].join('\n') + '\n';
  }

  const filled = () => all('.question').filter((question) => value(question.querySelector('.verdict')));

  /* Why the file cannot be saved yet; empty where it can. */
  function lacking() {
    const decided = filled();
    const told = all('.statement').filter((label) => value(label.querySelector('textarea')));
    if (!decided.length && !told.length) return words.nothing;
    if (!by('name') || !by('role') || !by('date')) return words.lacks_person;
    const rows = decided.filter((question) => !value(question.querySelector('.reason'))
      || (value(question.querySelector('.verdict')) === 'accepted_with_conditions'
        && !value(question.querySelector('.conditions'))));
    if (rows.length) {
      return words.lacks_reason.replace('{rows}', rows.map((row) => row.dataset.key).join(', '));
    }
    return '';
  }

  function refresh() {
    for (const question of all('.question')) {
      const verdict = value(question.querySelector('.verdict'));
      question.querySelector('.more').hidden = !verdict;
      question.querySelector('.given').hidden = verdict !== 'accepted_with_conditions';
      question.dataset.verdict = verdict;
    }
    const only = document.getElementById('only-required').checked;
    for (const question of all('.question')) {
      question.hidden = only && !question.classList.contains('required') && !question.dataset.verdict
        && !question.querySelector('.earlier');
    }
    const statements = all('.statement').filter((label) => value(label.querySelector('textarea')));
    state.textContent = lacking() || words.filled
      .replace('{n}', filled().length).replace('{m}', statements.length);
    shown.textContent = yaml();
  }

  async function attach(input) {
    const question = input.closest('.question');
    const list = question.querySelector('.attached');
    const documents = await Promise.all([...input.files].map(async (file) => {
      const hash = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
      const sha256 = [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      return { path: file.name, sha256 };
    }));
    attached.set(question, documents);
    list.replaceChildren(...documents.map((item) => {
      const entry = document.createElement('li');
      entry.textContent = `${item.path} (${item.sha256.slice(0, 12)}…)`;
      return entry;
    }));
    refresh();
  }

  function save() {
    refresh();
    if (lacking()) { state.classList.add('warning'); return; }
    state.classList.remove('warning');
    const name = `${yamlFile.slug(by('name')) || 'decisions'}-${by('date')}.yaml`;
    yamlFile.save(name, yaml());
    state.textContent = words.saved.replace('{file}', name)
      .replace('{command}', main.dataset.command.replace('decisions.yaml', name));
  }

  document.getElementById('by-date').value = yamlFile.today();
  document.addEventListener('input', refresh);
  document.addEventListener('change', (event) => {
    if (event.target.classList.contains('documents')) attach(event.target);
    else refresh();
  });
  document.getElementById('save').addEventListener('click', save);
  refresh();
})();
