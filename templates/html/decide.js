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
  const attached = new Map();
  const kept = keptInput(Object.values(subject).join(' '));
  /* A question as it stands: what was put in is not brought back once its evidence, or what was decided
     so far, is another. */
  const named = (question) => [question.dataset.kind, question.dataset.key, question.dataset.evidence,
    ...[...question.querySelectorAll('.supersedes option')].map((option) => option.value)].join(' ');

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
    document.getElementById('kept').textContent = kept.works ? words.kept : words.not_kept;
  }

  async function hash(input) {
    const question = input.closest('.question');
    const documents = await Promise.all([...input.files].map(async (file) => {
      const hashed = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
      const sha256 = [...new Uint8Array(hashed)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
      return { path: file.name, sha256 };
    }));
    attach(question, documents);
    kept.write('documents', [...attached].filter(([, hashed]) => hashed.length).map(([other, hashed]) => [named(other), hashed]));
    refresh();
  }

  function attach(question, documents) {
    attached.set(question, documents);
    question.querySelector('.attached').replaceChildren(...documents.map((item) => {
      const entry = document.createElement('li');
      entry.textContent = `${item.path} (${item.sha256.slice(0, 12)}…)`;
      return entry;
    }));
  }

  /* What was put in before, as far as the page still asks it and it is whole: other pages of this
     computer can write there too. */
  const isHashed = (item) => typeof item?.path === 'string' && /^[0-9a-f]{64}$/.test(item.sha256);
  function bringDocuments() {
    const before = kept.read('documents');
    const documents = new Map(Array.isArray(before) ? before.filter(Array.isArray) : []);
    for (const question of all('.question')) {
      const items = documents.get(named(question));
      attach(question, Array.isArray(items) ? items.filter(isHashed) : []);
    }
  }

  function bring() {
    const fields = {};
    for (const field of all('input:not(.documents), select, textarea')) {
      const question = field.closest('.question');
      const where = question ? named(question) : field.closest('.statement')?.dataset.field ?? '';
      fields[`${where} ${field.id || field.className}`] = field;
    }
    kept.heard('documents', () => { bringDocuments(); refresh(); });
    bringDocuments();
    const brought = kept.fields('form', fields, refresh);
    for (const question of filled()) question.closest('details').open = true;
    return brought;
  }

  function clear(fields) {
    if (!confirm(words.clear_sure)) return;
    kept.write('documents', null);
    bringDocuments();
    fields.clear();
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
  const brought = bring();
  document.getElementById('clear').addEventListener('click', () => clear(brought));
  document.addEventListener('input', refresh);
  document.addEventListener('change', (event) => {
    if (event.target.classList.contains('documents')) hash(event.target);
    else refresh();
  });
  document.getElementById('save').addEventListener('click', save);
  addEventListener('beforeunload', (event) => { if (!kept.works && lacking() !== words.nothing) event.preventDefault(); });
  refresh();
})();
