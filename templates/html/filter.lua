--[[ Quarto's Markdown for plain pandoc: callouts, tabsets, numbered figures and tables,
     cross-references, content by format. Writes for HTML, Typst and DOCX alike.

     Unresolved references and raw blocks that the report never writes are named on stderr,
     one a line, after "report-filter:"; the renderer takes any of them as a failure. ]]

local is_html = FORMAT:match 'html' ~= nil
local is_typst = FORMAT:match 'typst' ~= nil

local KINDS = {
  ['callout-note'] = 'note', ['callout-tip'] = 'tip', ['callout-warning'] = 'warning',
  ['callout-important'] = 'important', ['callout-caution'] = 'caution',
}
-- What figures, tables and sections are called; the renderer gives `word-fig` and the others.
local WORDS = { fig = '', tbl = '', sec = '' }
local numbers = {}   -- identifier -> number as text
local titles = {}    -- identifier of a section -> its title as text

-- Where the document comes in parts: marks for what another part knows, filled in afterwards.
local in_parts = false

local function mark(kind, id)
  return '\u{e002}' .. kind .. ':' .. id .. '\u{e003}'
end

local function complain(message)
  io.stderr:write('report-filter: ' .. message .. '\n')
end

local function raw(text)
  return pandoc.RawBlock(is_html and 'html' or 'typst', text)
end

local function raw_inline(text)
  return pandoc.RawInline(is_html and 'html' or 'typst', text)
end

local function escape_html(text)
  local named = { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;' }
  return (text:gsub('[&<>"]', named))
end

local function typst_string(text)
  return '"' .. text:gsub('\\', '\\\\'):gsub('"', '\\"') .. '"'
end

-- The tone that a class of a block or word names: `high` of `tag-high`.
local function tone_of(element, name)
  local tone = ''
  for _, class in ipairs(element.classes) do
    tone = class:match('^' .. name .. '%-(.+)$') or tone
  end
  return tone
end

local function enclosed(open, blocks, close)
  local out = pandoc.Blocks { raw(open) }
  out:extend(blocks)
  out:insert(raw(close))
  return out
end

-- The first heading of a block is its title.
local function take_title(blocks)
  local first = blocks[1]
  if first and first.t == 'Header' then
    blocks:remove(1)
    return first.content
  end
  return nil
end

-- Callouts -----------------------------------------------------------------------------------

local function html_callout(div, kind, title)
  local classes = div.classes:filter(function(c) return not KINDS[c] end)
  classes:insert(1, 'callout')
  classes:insert(2, 'callout-' .. kind)
  if div.attributes.collapse == 'true' then classes:insert('folded') end
  local out = pandoc.Blocks {}
  if title then
    out:insert(raw '<div class="callout-title">')
    out:insert(pandoc.Plain(title))
    out:insert(raw '</div>')
  end
  out:extend(enclosed('<div class="callout-body">', div.content, '</div>'))
  local id = div.identifier ~= '' and ' id="' .. escape_html(div.identifier) .. '"' or ''
  local open = '<div' .. id .. ' class="' .. escape_html(table.concat(classes, ' ')) .. '" role="note">'
  return enclosed(open, out, '</div>')
end

local function typst_callout(div, kind, title)
  if div.classes:includes 'behind' then return enclosed('#behind[', div.content, ']') end
  local folds = div.classes:includes 'details'
  local out = pandoc.Blocks { raw(folds and '#details([' or '#callout("' .. kind .. '", title: [') }
  out:insert(pandoc.Plain(title or {}))
  out:insert(raw '])[')
  out:extend(div.content)
  out:insert(raw(div.identifier ~= '' and '] <' .. div.identifier .. '>' or ']'))
  return out
end

-- A style of Word for a kind or tone: `Callout Warning`, `Tag High`.
local function style(name, tone)
  return name .. ' ' .. (tone:gsub('%-', ' '):gsub('(%a)(%w*)', function(first, rest)
    return first:upper() .. rest
  end))
end

local function docx_callout(div, kind, title)
  local out = pandoc.Blocks {}
  if title and not div.classes:includes 'behind' then
    local own = { id = div.identifier, ['custom-style'] = style('Callout Title', kind) }
    out:insert(pandoc.Div(pandoc.Para(title), own))
  end
  out:insert(pandoc.Div(div.content, { ['custom-style'] = style('Callout', kind) }))
  return out
end

local function callout(div, kind)
  local title = take_title(div.content)
  if is_html then return html_callout(div, kind, title) end
  if is_typst then return typst_callout(div, kind, title) end
  return docx_callout(div, kind, title)
end

-- Tabsets: every tab stays readable where scripts do not run -----------------------------------

local function split_tabs(blocks)
  local tabs = {}
  for _, block in ipairs(blocks) do
    if block.t == 'Header' and (#tabs == 0 or block.level <= tabs[1].level) then
      tabs[#tabs + 1] = { title = block.content, level = block.level, blocks = pandoc.Blocks {} }
    elseif #tabs > 0 then
      tabs[#tabs].blocks:insert(block)
    end
  end
  return tabs
end

local function tabset(div)
  local out = pandoc.Blocks {}
  for _, tab in ipairs(split_tabs(div.content)) do
    if is_html then
      out:insert(raw '<div class="tab-panel"><div class="tab-title">')
      out:insert(pandoc.Plain(tab.title))
      out:insert(raw '</div>')
      out:extend(tab.blocks)
      out:insert(raw '</div>')
    elseif is_typst then
      out:extend(enclosed('#tab-title[', { pandoc.Plain(tab.title) }, ']'))
      out:extend(tab.blocks)
    else
      out:insert(pandoc.Div(pandoc.Para(tab.title), { ['custom-style'] = 'Tab Title' }))
      out:extend(tab.blocks)
    end
  end
  if not is_html then return out end
  local group = div.attributes.group or ''
  return enclosed('<div class="tabs" data-group="' .. escape_html(group) .. '">', out, '</div>')
end

-- Other blocks ----------------------------------------------------------------------------------

local function is_shown(div)
  local format = div.attributes['when-format'] or div.attributes['unless-format']
  local here = (is_html and 'html') or (is_typst and 'typst') or 'docx'
  local matches = format == here or (format == 'pdf' and is_typst)
  if div.attributes['unless-format'] then matches = not matches end
  if div.classes:includes 'content-hidden' then return not matches end
  return matches
end

local function typst_items(div, name)
  local out = pandoc.Blocks { raw('#' .. name .. '((') }
  for _, list in ipairs(div.content) do
    for _, item in ipairs(list.content or {}) do
      out:extend(enclosed('[', item, '],'))
    end
  end
  out:insert(raw '))')
  return out
end

-- Short items on one line, for pages that lists would lengthen.
local function tally(div)
  local line = pandoc.Inlines {}
  for _, list in ipairs(div.content) do
    for _, item in ipairs(list.content or {}) do
      if #line > 0 then line:extend { pandoc.Space(), pandoc.Str '·', pandoc.Space() } end
      line:extend(pandoc.utils.blocks_to_inlines(item))
    end
  end
  return pandoc.Para(line)
end

-- Parts side by side: each is a block of its own; what stands behind them comes below.
local function typst_beside(div)
  local out, below = pandoc.Blocks { raw '#beside((' }, pandoc.Blocks {}
  for _, part in ipairs(div.content) do
    if part.classes and part.classes:includes 'behind' then
      below:extend(part.content)
    else
      out:extend(enclosed('[', part.content or { part }, '],'))
    end
  end
  out:insert(raw '))')
  out:extend(below)
  return out
end

local function typst_finding(div)
  local open = '#short-finding("' .. tone_of(div, 'severity') .. '")['
  return enclosed(open, div.content, ']')
end

local function columns(div)
  if is_html then
    div.classes:insert 'columns'
    return nil
  end
  return div.content
end

function Div(div)
  for _, class in ipairs(div.classes) do
    if KINDS[class] then return callout(div, KINDS[class]) end
  end
  if div.classes:includes 'panel-tabset' then return tabset(div) end
  if div.classes:includes 'content-visible' or div.classes:includes 'content-hidden' then
    return is_shown(div) and div.content or {}
  end
  if div.attributes.layout or div.attributes['layout-ncol'] then return columns(div) end
  if not is_html and div.classes:includes 'tally' then return tally(div) end
  if is_typst then
    for _, class in ipairs { 'facts', 'promises', 'sign' } do
      if div.classes:includes(class) then return typst_items(div, class) end
    end
    if div.classes:includes 'beside' then return typst_beside(div) end
    if div.classes:includes 'short-finding' then return typst_finding(div) end
    for _, class in ipairs { 'question', 'answer', 'how-to-read', 'evidence', 'rest', 'decides',
      'overall', 'run-line', 'rejections', 'decisions' } do
      if div.classes:includes(class) then
        return enclosed('#' .. class .. '[', div.content, ']')
      end
    end
  end
  if not is_html and not is_typst then
    local styles = { question = 'Question', answer = 'Answer', ['how-to-read'] = 'How To Read',
      evidence = 'How To Read', rest = 'How To Read' }
    for class, style in pairs(styles) do
      if div.classes:includes(class) then div.attributes['custom-style'] = style end
    end
    return div
  end
end

function RawBlock(block)
  local twin = block.text:match '^<div class="twin" data%-twin="[%w-]+"></div>$'
  if block.format == 'html' and twin then return nil end
  complain('a raw block that the report does not write was left out: ' .. block.text:sub(1, 60))
  return {}
end

function RawInline(inline)
  complain('raw text that the report does not write was left out: ' .. inline.text:sub(1, 60))
  return {}
end

-- Numbers ---------------------------------------------------------------------------------------

local counters = {}

local function count_section(header)
  if header.classes:includes 'unnumbered' then return nil end
  for level = header.level + 1, 6 do counters[level] = nil end
  counters[header.level] = (counters[header.level] or 0) + 1
  local parts = {}
  for level = 1, header.level do parts[level] = counters[level] or 0 end
  numbers[header.identifier] = table.concat(parts, '.')
  titles[header.identifier] = pandoc.utils.stringify(header.content)
end

local function counter_of(kind, count)
  return function(block)
    if block.identifier:match('^' .. kind .. '%-') then
      count = count + 1
      numbers[block.identifier] = tostring(count)
    end
  end
end

local function caption_inlines(block)
  local inlines = pandoc.utils.blocks_to_inlines(block.caption.long)
  local number = numbers[block.identifier]
  if not number then return inlines end
  local kind = block.identifier:sub(1, 3)
  local label = pandoc.Span({ pandoc.Str(WORDS[kind] .. '\u{a0}' .. number) }, { class = 'label' })
  if not is_html then label = pandoc.Strong(label.content .. { pandoc.Str '.' }) end
  local out = pandoc.Inlines { label, pandoc.Space() }
  out:extend(inlines)
  return out
end

-- Figures ---------------------------------------------------------------------------------------

local function image_of(figure)
  local found
  figure:walk { Image = function(image) found = found or image end }
  return found
end

local function html_figure(figure, image, caption)
  local id = figure.identifier ~= '' and 'id="' .. escape_html(figure.identifier) .. '" ' or ''
  local alt = escape_html(image.attributes['fig-alt'] or pandoc.utils.stringify(image.caption))
  local out = pandoc.Blocks {
    raw('<figure ' .. id .. 'class="picture"><figcaption>'), pandoc.Plain(caption),
    raw('</figcaption><div class="canvas" data-src="' .. escape_html(image.src)
      .. '" data-alt="' .. alt .. '"></div></figure>'),
  }
  return out
end

local function typst_figure(figure, image, caption)
  local alt = typst_string(image.attributes['fig-alt'] or '')
  local label = figure.identifier ~= '' and ' <' .. figure.identifier .. '>' or ''
  return pandoc.Blocks {
    raw('#picture(' .. typst_string('/' .. image.src) .. ', alt: ' .. alt .. ', caption: ['),
    pandoc.Plain(caption), raw('])' .. label),
  }
end

-- As wide as the text; a tall picture as high as leaves room for its heading on the page.
local function docx_size(src)
  local _, data = pandoc.mediabag.fetch(src)
  local size = pandoc.image.size(data)
  if size.height / size.width > 18 / 16 then return { 'height', '18cm' } end
  return { 'width', '16cm' }
end

local function docx_figure(figure, image, caption)
  image.src = image.src:gsub('%.svg$', '.png')
  local size = docx_size(image.src)
  image.attributes[size[1]] = size[2]
  local alt = image.attributes['fig-alt']
  if alt then image.caption = pandoc.Inlines { pandoc.Str(alt) } end
  local anchor = pandoc.Span(caption, { id = figure.identifier })
  return pandoc.Blocks {
    pandoc.Div(pandoc.Para { anchor }, { ['custom-style'] = 'Caption Above' }),
    pandoc.Para { image },
  }
end

local function figure(block)
  local image = image_of(block)
  if not image then return nil end
  local caption = caption_inlines(block)
  if is_html then return html_figure(block, image, caption) end
  if is_typst then return typst_figure(block, image, caption) end
  return docx_figure(block, image, caption)
end

-- Tables ----------------------------------------------------------------------------------------

local function default_widths(block)
  block.colspecs = block.colspecs:map(function(spec) return { spec[1], nil } end)
end

-- Cells with whole sentences get room to be read where the screen is narrow.
local function mark_long_cells(block)
  for _, body in ipairs(block.bodies) do
    for _, row in ipairs(body.body) do
      for _, cell in ipairs(row.cells) do
        if #pandoc.utils.stringify(cell.contents) > 60 then cell.classes:insert 'long' end
      end
    end
  end
end

-- The rows of a table, head first.
local function rows_of(block)
  local rows = pandoc.List {}
  rows:extend(block.head.rows)
  for _, body in ipairs(block.bodies) do rows:extend(body.body) end
  return rows
end

-- Letters of the longest cell of each column.
local function longest_cells(block)
  local longest = {}
  for at = 1, #block.colspecs do
    longest[at] = 0
    for _, row in ipairs(rows_of(block)) do
      local cell = row.cells[at]
      if cell then longest[at] = math.max(longest[at], pandoc.text.len(pandoc.utils.stringify(cell.contents))) end
    end
  end
  return longest
end

-- How a table is laid out: `dense` where it would be wider than the page, `stacks` where a phone
-- has no room for its columns.
local function layout(block)
  local letters = 0
  for at, length in ipairs(longest_cells(block)) do
    local is_number = block.colspecs[at][1] == 'AlignRight'
    letters = letters + (is_number and length or math.min(length, 18)) + 3
  end
  local classes = 'table-scroll'
  if letters > 105 then classes = classes .. ' dense' end
  if letters > 40 then classes = classes .. ' stacks' end
  return classes
end

-- Each cell says to which column it belongs, for pages on which a row is a card.
local function label_cells(block)
  local heads = {}
  for _, row in ipairs(block.head.rows) do
    for at, cell in ipairs(row.cells) do heads[at] = pandoc.utils.stringify(cell.contents) end
  end
  for _, body in ipairs(block.bodies) do
    for _, row in ipairs(body.body) do
      for at, cell in ipairs(row.cells) do
        cell.attr.attributes['data-label'] = heads[at] or ''
        local text = pandoc.utils.stringify(cell.contents)
        if text == '' or text == '–' then cell.attr.classes:insert 'blank' end
      end
    end
  end
end

local function html_table(block, caption)
  default_widths(block)
  mark_long_cells(block)
  local classes = layout(block)
  if classes:match 'stacks' then label_cells(block) end
  local id = escape_html(block.identifier)
  block.identifier = ''
  block.caption = { long = {} }
  local out = pandoc.Blocks { raw('<div class="table"' .. (id ~= '' and ' id="' .. id .. '"' or '') .. '>') }
  if #caption > 0 then
    out:insert(raw '<div class="table-caption">')
    out:insert(pandoc.Plain(caption))
    out:insert(raw '</div>')
  end
  out:extend { raw('<div class="' .. classes .. '">'), block, raw '</div></div>' }
  return out
end

-- Short columns are as wide as their text; where a table is wider than the page, long ones share
-- what is left, by their length, longer ones less than in proportion, so that none is too narrow.
local function typst_columns(block)
  local longest, total = longest_cells(block), 0
  for _, length in ipairs(longest) do total = total + math.min(length, 60) end
  local columns = {}
  for at, length in ipairs(longest) do
    local shares = total > 95 and length > 16
    columns[at] = shares and string.format('%.2ffr', math.min(length, 120) ^ 0.6) or 'auto'
  end
  return table.concat(columns, ', ')
end

local function typst_cells(out, row)
  for _, cell in ipairs(row.cells) do
    out:insert(raw '[')
    out:extend(cell.contents)
    out:insert(raw '],')
  end
end

local function typst_table(block, caption)
  local label = block.identifier ~= '' and ' <' .. block.identifier .. '>' or ''
  local sides = block.colspecs:map(function(spec)
    return spec[1] == 'AlignRight' and 'right' or 'left'
  end)
  local out = pandoc.Blocks {}
  if #caption > 0 then
    out:extend { raw '#table-caption[', pandoc.Plain(caption), raw(']' .. label) }
  end
  out:insert(raw('#table-body((' .. typst_columns(block) .. ',), (' .. table.concat(sides, ', ') .. ',), ('))
  for _, row in ipairs(block.head.rows) do typst_cells(out, row) end
  out:insert(raw '), (')
  for _, body in ipairs(block.bodies) do
    for _, row in ipairs(body.body) do typst_cells(out, row) end
  end
  out:insert(raw '))')
  return out
end

-- Letters that a line of text of a table in Word holds, in the usual and in the small size.
local LINE, SMALL_LINE = 92, 118

-- Widths by which numbers stay on one line and long texts share what is left.
local function docx_widths(block)
  local longest, needed, wanted = longest_cells(block), 0, 0
  local least = {}
  for at, length in ipairs(longest) do
    local is_number = block.colspecs[at][1] == 'AlignRight'
    least[at] = is_number and length + 3 or math.min(length, 12) + 3
    needed = needed + least[at]
    wanted = wanted + math.min(length, 60) + 3
  end
  local is_small = wanted > LINE
  local line = is_small and SMALL_LINE or LINE
  local spare = math.max(0, math.min(line, wanted) - needed)
  local hunger = 0
  for at, length in ipairs(longest) do hunger = hunger + math.max(0, length + 3 - least[at]) ^ 0.65 end
  for at, length in ipairs(longest) do
    local share = hunger > 0 and math.max(0, length + 3 - least[at]) ^ 0.65 / hunger or 0
    local width = (least[at] + spare * share) / math.max(line, needed)
    block.colspecs[at] = { block.colspecs[at][1], width }
  end
  return is_small
end

local function in_small_type(block)
  for _, row in ipairs(rows_of(block)) do
    for _, cell in ipairs(row.cells) do
      local text = pandoc.Para(pandoc.utils.blocks_to_inlines(cell.contents))
      cell.contents = pandoc.Blocks { pandoc.Div(text, { ['custom-style'] = 'Small Table' }) }
    end
  end
end

local function docx_table(block, caption)
  if docx_widths(block) then in_small_type(block) end
  local anchor = pandoc.Span(caption, { id = block.identifier })
  block.identifier = ''
  block.caption = { long = {} }
  local title = pandoc.Div(pandoc.Para { anchor }, { ['custom-style'] = 'Caption Above' })
  if #caption == 0 then return { block } end
  return pandoc.Blocks { title, block }
end

local function with_caption(block)
  local caption = caption_inlines(block)
  if is_html then return html_table(block, caption) end
  if is_typst then return typst_table(block, caption) end
  return docx_table(block, caption)
end

-- Inlines ---------------------------------------------------------------------------------------

local function reference(cite)
  local out = pandoc.Inlines {}
  for position, citation in ipairs(cite.citations) do
    local kind = citation.id:match '^(%a+)%-'
    local number, title = numbers[citation.id], titles[citation.id] or ''
    if not number and in_parts and WORDS[kind] then
      number = mark('number', citation.id)
      title = kind == 'sec' and mark('title', citation.id) or ''
    end
    if not (WORDS[kind] and number) then
      complain('unresolved reference @' .. citation.id)
      return nil
    end
    if position > 1 then out:extend { pandoc.Str ',', pandoc.Space() } end
    local text = WORDS[kind] .. '\u{a0}' .. number
    out:insert(pandoc.Link({ pandoc.Str(text) }, '#' .. citation.id, title, { class = 'xref' }))
  end
  return out
end

local function typst_span(span)
  for _, name in ipairs { 'verdict', 'tag', 'fact-value', 'fact-label', 'fact-note',
    'promise-name', 'promise-value', 'promise-interval', 'promise-bound' } do
    if span.classes:includes(name) then
      local tone = tone_of(span, name)
      local out = pandoc.Inlines { raw_inline('#' .. name .. '(' .. typst_string(tone) .. ')[') }
      out:extend(span.content)
      out:insert(raw_inline ']')
      return out
    end
  end
end

local function span(element)
  if element.classes:includes 'brace' then return element.content end
  if element.classes:includes 'code' then
    return pandoc.Code(pandoc.utils.stringify(element.content))
  end
  if element.classes:includes 'lead-in' and not is_html then
    return pandoc.Strong(element.content)
  end
  if is_typst then return typst_span(element) end
  if is_html then return nil end
  for name, called in pairs { verdict = 'Verdict', tag = 'Tag' } do
    if element.classes:includes(name) then
      local toned = { ['custom-style'] = style(called, tone_of(element, name)) }
      return pandoc.Span(pandoc.Strong(element.content), toned)
    end
  end
  if element.classes:includes 'fact-value' or element.classes:includes 'promise-value' then
    return pandoc.Strong(element.content)
  end
end

-- A formula with its source as alternative text, without which a PDF is not accessible.
local function typst_math(element)
  local written = pandoc.write(pandoc.Pandoc { pandoc.Plain { element } }, 'typst')
  written = written:gsub('%s+$', '')
  return raw_inline('#math.equation(alt: ' .. typst_string(element.text) .. ', ' .. written .. '.body)')
end

local function link(element)
  if element.classes:includes 'csv' then
    if not is_html then return {} end
    element.attributes.download = ''
    return element
  end
  if element.classes:includes 'file' and not is_html then return element.content end
  if is_html and element.target:match '^https?:' then
    element.attributes.rel = 'noopener noreferrer'
    return element
  end
end

-- The page's title is the first heading of the page, so that sections are the second.
local function html_header(header)
  local number = numbers[header.identifier]
  if number then
    header.content:insert(1, pandoc.Space())
    header.content:insert(1, pandoc.Span({ pandoc.Str(number) }, { class = 'number' }))
  end
  header.level = math.min(header.level + 1, 6)
  return header
end

local function plain_code(block)
  block.attributes.shortcodes = nil
  return block
end

local function before(doc, what)
  local found = doc.meta[what .. '-before']
  in_parts = in_parts or found ~= nil
  return found and tonumber(pandoc.utils.stringify(found)) or 0
end

-- Few walks: each costs a tenth of a second on a long report.
function Pandoc(doc)
  for kind in pairs(WORDS) do WORDS[kind] = pandoc.utils.stringify(doc.meta['word-' .. kind] or '') end
  counters[1] = before(doc, 'chapters')
  doc:walk {
    traverse = 'topdown', Header = count_section,
    Figure = counter_of('fig', before(doc, 'figures')),
    Table = counter_of('tbl', before(doc, 'tables')),
  }
  local out = doc:walk {
    Cite = reference, Span = span, Link = link, CodeBlock = plain_code,
    Math = is_typst and typst_math or nil,
    Header = is_html and html_header or nil, Figure = figure, Table = with_caption,
  }
  if in_parts then
    local known = pandoc.json.encode { number = numbers, title = titles }
    out.blocks:insert(raw('<!--\u{e002}' .. known .. '\u{e003}-->'))
  end
  return out
end

return { { RawBlock = RawBlock, RawInline = RawInline, Div = Div }, { Pandoc = Pandoc } }
