--[[ Quarto's Markdown for plain pandoc: callouts, tabsets, numbered figures and tables,
     cross-references, content by format. Writes for HTML, Typst and DOCX alike.

     Unresolved references and raw blocks that the report never writes are named on stderr,
     one a line, after "report-filter:"; the renderer takes any of them as a failure.

     Quarto runs it for Typst and DOCX before its own filters, so that paper says and looks the same by
     both. What a person added to the document by hand, such as citations, it leaves to Quarto. ]]

local in_quarto = quarto ~= nil

local is_html = FORMAT:match 'html' ~= nil
local is_typst = FORMAT:match 'typst' ~= nil
local is_docx = FORMAT:match 'docx' ~= nil

-- Of three functions the one for the format that is written.
local function of_format(html, typst, docx)
  return is_html and html or is_typst and typst or docx
end

-- A callout; or one inside of another, which Quarto refuses, as the source has it: a plain block.
local KINDS = {}
for _, kind in ipairs { 'note', 'tip', 'warning', 'important', 'caution' } do
  KINDS['callout-' .. kind], KINDS['inner-' .. kind] = kind, kind
end
-- What figures, tables and sections are called, and where a file is that paper names; `word-fig` and
-- the others give it.
local WORDS = { fig = '', tbl = '', sec = '', attached = '', beside = '', promise = '', value = '',
  interval = '', bound = '' }
local numbers = {}   -- identifier -> number as text
local titles = {}    -- identifier of a section -> its title as text

-- Where the document comes in parts, nothing is counted: marks stand for numbers and titles, which
-- are filled in when the parts are joined, by what each holds in its order.
local in_parts = false
local held = { fig = {}, tbl = {}, sec = {} }

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

-- Quarto looks for shortcodes in raw text, too: the braces of one are written as numbers.
local function escape_html(text)
  local named = { ['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;', ['"'] = '&quot;' }
  return (text:gsub('[&<>"]', named):gsub('{{', '&#123;&#123;'))
end

local function typst_string(text)
  return '"' .. text:gsub('\\', '\\\\'):gsub('"', '\\"'):gsub('{{', '\\u{7b}\\u{7b}') .. '"'
end

-- Fields of Word: what they show is written beside them, and Word counts anew when it is asked to.

local function word_run(text, properties)
  return '<w:r>' .. (properties or '') .. '<w:t xml:space="preserve">' .. escape_html(text) .. '</w:t></w:r>'
end

local function field_end(kind)
  return '<w:r><w:fldChar w:fldCharType="' .. kind .. '"/></w:r>'
end

local function word_field(instruction, shown, properties)
  local told = shown ~= '' and word_run(shown, properties) or ''
  return field_end 'begin' .. '<w:r><w:instrText xml:space="preserve"> ' .. instruction
    .. ' </w:instrText></w:r>' .. field_end 'separate' .. told .. field_end 'end'
end

-- A bookmark has at most 40 letters, digits and underscores; a leading underscore hides it.
local bookmarks, bookmark_count = {}, 0

local function bookmark_name(id)
  if not bookmarks[id] then
    bookmark_count = bookmark_count + 1
    bookmarks[id] = ('_Ref' .. bookmark_count .. '_' .. id:gsub('[^%w]', '_')):sub(1, 40)
  end
  return bookmarks[id]
end

local bookmark_number = 500000

local function bookmarked(id, xml)
  bookmark_number = bookmark_number + 1
  local number = ' w:id="' .. bookmark_number .. '"'
  return '<w:bookmarkStart' .. number .. ' w:name="' .. bookmark_name(id) .. '"/>' .. xml
    .. '<w:bookmarkEnd' .. number .. '/>'
end

local function word_xml(xml)
  return pandoc.RawInline('openxml', xml)
end

local function kind_of(div)
  for _, class in ipairs(div.classes) do
    if KINDS[class] then return KINDS[class] end
  end
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

-- The first heading of a block is its title, or the first paragraph of one inside of a callout.
local function take_title(blocks)
  local first = blocks[1]
  local inner = first and first.t == 'Para' and first.content[1]
  if inner and inner.t == 'Span' and inner.classes:includes 'inner-title' then
    blocks:remove(1)
    return inner.content
  elseif first and first.t == 'Header' then
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
    local folds = div.classes:includes 'details'
    local look = folds and 'Tab Title' or style('Callout Title', kind)
    out:insert(pandoc.Div(pandoc.Para(title), { id = div.identifier, ['custom-style'] = look }))
    if folds then
      out:extend(div.content)
      return out
    end
  end
  out:insert(pandoc.Div(div.content, { ['custom-style'] = style('Callout', kind) }))
  return out
end

local function callout(div, kind)
  return of_format(html_callout, typst_callout, docx_callout)(div, kind, take_title(div.content))
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
  if div.classes:includes 'on-paper' then return not is_html end
  local format = div.attributes['when-format'] or div.attributes['unless-format']
  local here = (is_html and 'html') or (is_typst and 'typst') or 'docx'
  local matches = format == here or (format == 'pdf' and is_typst)
  if div.attributes['unless-format'] then matches = not matches end
  if div.classes:includes 'content-hidden' then return not matches end
  return matches
end

-- What a promise is called; its value with interval; its bound with verdict.
local function typst_promises(div)
  local out = pandoc.Blocks { raw '#promises((' }
  for _, list in ipairs(div.content) do
    for _, item in ipairs(list.content or {}) do
      local cells, at = { pandoc.Inlines {}, pandoc.Inlines {}, pandoc.Inlines {} }, 1
      for _, inline in ipairs(pandoc.utils.blocks_to_inlines(item)) do
        local is = inline.t == 'Span' and inline.classes or pandoc.List {}
        if is:includes 'promise-value' then at = 2 elseif is:includes 'promise-bound' then at = 3 end
        cells[at]:insert(inline)
      end
      out:insert(raw '(')
      for _, cell in ipairs(cells) do out:extend(enclosed('[', { pandoc.Plain(cell) }, '],')) end
      out:insert(raw '),')
    end
  end
  out:insert(raw '))')
  return out
end

-- Promises as a table of Word: name, value, interval, bound with verdict.
local function docx_promises(div)
  local rows = {}
  for _, list in ipairs(div.content) do
    for _, item in ipairs(list.content or {}) do
      local cells, at = { pandoc.Inlines {}, pandoc.Inlines {}, pandoc.Inlines {}, pandoc.Inlines {} }, 1
      for _, inline in ipairs(pandoc.utils.blocks_to_inlines(item)) do
        local is = inline.t == 'Span' and inline.classes or pandoc.List {}
        for place, part in ipairs { 'promise-value', 'promise-interval', 'promise-bound' } do
          if is:includes(part) then at = place + 1 end
        end
        cells[at]:insert(inline)
      end
      rows[#rows + 1] = pandoc.List(cells):map(function(cell) return { pandoc.Plain(cell) } end)
    end
  end
  local heads = pandoc.List { 'promise', 'value', 'interval', 'bound' }:map(function(name)
    return { pandoc.Plain { pandoc.Str(WORDS[name]) } }
  end)
  local sides = { pandoc.AlignLeft, pandoc.AlignRight, pandoc.AlignLeft, pandoc.AlignLeft }
  return pandoc.utils.from_simple_table(pandoc.SimpleTable({}, sides, { 0, 0, 0, 0 }, heads, rows))
end

-- The kinds of callouts that severities have.
local SEVERITIES = { high = 'important', medium = 'warning', low = 'note', info = 'tip' }

-- A picture with its caption, both without a number, as a figure.
local function unnumbered(div)
  local caption, image = div.content[1].content, div.content[2].content[1]
  local figure = pandoc.Figure({ pandoc.Plain { image } }, { long = { pandoc.Plain(caption) } })
  if not div.classes:includes 'small-picture' then return figure end
  div.content = { figure }
  return div
end

-- What comes before all else: blocks of other formats go, and a callout gets the identifier that
-- stands on a block around it, since Quarto's Typst drops one of a callout.
local function prepared(div)
  local inside = div.content[1]
  if div.classes:includes 'content-visible' or div.classes:includes 'content-hidden'
    or div.classes:includes 'on-paper' then
    return is_shown(div) and div.content or {}
  elseif div.classes:includes 'unnumbered-picture' then return unnumbered(div)
  elseif div.identifier ~= '' and #div.content == 1 and inside.t == 'Div' and kind_of(inside) then
    inside.identifier = div.identifier
    return inside
  end
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
    elseif part.classes and part.classes:includes 'gravest' then
      out:extend(enclosed('[#gravest[', part.content, ']],'))
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
  local kind = kind_of(div)
  if kind then return callout(div, kind) end
  if div.classes:includes 'panel-tabset' then return tabset(div) end
  if div.attributes.layout or div.attributes['layout-ncol'] then return columns(div) end
  if not is_html and div.classes:includes 'tally' then return tally(div) end
  if is_typst then
    if div.classes:includes 'promises' then return typst_promises(div) end
    for _, class in ipairs { 'facts', 'sign' } do
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
    if div.classes:includes 'promises' then return docx_promises(div) end
    if div.classes:includes 'short-finding' then
      div.attributes['custom-style'] = style('Callout', SEVERITIES[tone_of(div, 'severity')] or 'note')
    end
    local styles = { question = 'Question', answer = 'Answer', ['how-to-read'] = 'How To Read',
      evidence = 'How To Read', rest = 'How To Read', ['run-line'] = 'How To Read', overall = 'Overall',
      rejections = 'Rejections' }
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

local function counter_of(kind)
  local count = 0
  return function(block)
    if block.identifier:match('^' .. kind .. '%-') then
      count = count + 1
      numbers[block.identifier] = tostring(count)
    end
  end
end

-- By what Word counts captions, in any language.
local SEQUENCES = { fig = 'Figure', tbl = 'Table' }

local function caption_inlines(block)
  local inlines = pandoc.utils.blocks_to_inlines(block.caption.long)
  local kind = block.identifier:match(block.t == 'Figure' and '^(fig)%-' or '^(tbl)%-')
  if not kind then return inlines end
  local number = numbers[block.identifier]
  if in_parts then
    table.insert(held[kind], block.identifier)
    number = mark('number', block.identifier)
  end
  if is_docx then
    local counted = word_field('SEQ ' .. SEQUENCES[kind] .. ' \\* ARABIC', number)
    local label = bookmarked(block.identifier, word_run(WORDS[kind] .. '\u{a0}') .. counted)
    return pandoc.Inlines { word_xml(label .. word_run '. ') } .. inlines
  end
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

-- How a picture is read goes with it where the picture moves to another page. Pictures that follow
-- one another are a row.
local function with_reading(blocks)
  for at = #blocks - 1, 1, -1 do
    local block, after = blocks[at], blocks[at + 1]
    if block.t == 'Figure' and after.t == 'Div' and after.classes:includes 'how-to-read' then
      after.classes = { 'reading' }
      block.content:insert(blocks:remove(at + 1))
    end
    after = blocks[at + 1]
    if block.t == 'Figure' and after and after.t == 'Figure' then
      block.classes:insert 'in-row'
      after.classes:insert 'in-row'
    end
  end
  return blocks
end

local function typst_figure(figure, image, caption)
  local alt = typst_string(image.attributes['fig-alt'] or '')
  local label = figure.identifier ~= '' and ' <' .. figure.identifier .. '>' or ''
  local row = figure.classes:includes 'in-row' and 'true' or 'false'
  local out = pandoc.Blocks {
    raw('#picture(' .. typst_string('/' .. image.src) .. ', alt: ' .. alt .. ', in-row: ' .. row .. ', caption: ['),
    pandoc.Plain(caption), raw '], reading: [',
  }
  for _, block in ipairs(figure.content) do
    if block.t == 'Div' and block.classes:includes 'reading' then out:extend(block.content) end
  end
  out:insert(raw('])' .. label))
  return out
end

-- As wide as the text, or as tall as leaves room beside other things on the page.
local WIDEST_CM, TALLEST_CM, NARROW_CM = 16, 11.5, 9.5

local function docx_size(src)
  local _, data = pandoc.mediabag.fetch(src)
  local size = pandoc.image.size(data)
  local tallest = src:match '/narrow/' and NARROW_CM or TALLEST_CM
  if size.height / size.width > tallest / WIDEST_CM then return { 'height', tallest .. 'cm' } end
  return { 'width', WIDEST_CM .. 'cm' }
end

local function docx_figure(figure, image, caption)
  if not in_quarto then image.src = image.src:gsub('%.svg$', '.png') end
  local size = docx_size(image.src)
  image.attributes[size[1]] = size[2]
  local alt = image.attributes['fig-alt']
  if alt then image.caption = pandoc.Inlines { pandoc.Str(alt) } end
  local anchor = pandoc.Span(caption, { id = figure.identifier })
  return pandoc.Blocks {
    pandoc.Div(pandoc.Para { anchor }, { ['custom-style'] = 'Caption' }),
    -- inside of a span: Quarto would make a figure of one that is alone, with this text below it
    pandoc.Para { pandoc.Span { image } },
  }
end

local function figure(block)
  local image = image_of(block)
  if not image then return nil end
  local caption = caption_inlines(block)
  return of_format(html_figure, typst_figure, docx_figure)(block, image, caption)
end

-- Tables ----------------------------------------------------------------------------------------

-- Quarto leaves the identifier of a table at the end of its caption.
local function named(block)
  local last = block.caption.long[#block.caption.long]
  local id = last and last.content[#last.content]
  if id and id.t == 'Str' and id.text:match '^{#tbl%-[%w-]+}$' then
    block.identifier = id.text:sub(3, -2)
    last.content:remove(#last.content)
    block.caption.long[#block.caption.long] = last
    return block
  end
end

local function default_widths(block)
  block.colspecs = block.colspecs:map(function(spec) return { spec[1], nil } end)
end

-- The texts of the cells of each row, head first, the cells themselves, and how many rows are heads.
-- What is read of a cell crosses from pandoc to Lua each time, so it is read once.
local function texts_of(block)
  local texts, cells = {}, {}
  local function take(rows)
    for _, row in ipairs(rows) do
      local own, read = row.cells, {}
      for at, cell in ipairs(own) do read[at] = pandoc.utils.stringify(cell.contents) end
      texts[#texts + 1], cells[#cells + 1] = read, own
    end
  end
  take(block.head.rows)
  local heads = #texts
  for _, body in ipairs(block.bodies) do take(body.body) end
  return texts, cells, heads
end

-- Letters of the longest cell of each column.
local function longest_cells(block, texts)
  local longest = {}
  for at = 1, #block.colspecs do
    longest[at] = 0
    for _, row in ipairs(texts) do
      if row[at] then longest[at] = math.max(longest[at], pandoc.text.len(row[at])) end
    end
  end
  return longest
end

-- How a table is laid out: `dense` where it would be wider than the page, `stacks` where a phone
-- has no room for its columns.
local function layout(block, texts)
  local letters = 0
  for at, length in ipairs(longest_cells(block, texts)) do
    local is_number = block.colspecs[at][1] == 'AlignRight'
    letters = letters + (is_number and length or math.min(length, 18)) + 3
  end
  local classes = 'table-scroll'
  if letters > 105 then classes = classes .. ' dense' end
  if letters > 40 then classes = classes .. ' stacks' end
  return classes
end

-- Cells with whole sentences get room to be read where the screen is narrow. Where a row is a card
-- there, each cell says to which column it belongs. A cell has no attributes before.
local function mark_cells(texts, cells, heads, stacks)
  for row = heads + 1, #texts do
    for at, text in ipairs(texts[row]) do
      local classes, attributes = {}, {}
      if #text > 60 then classes[1] = 'long' end
      if stacks then
        attributes['data-label'] = heads > 0 and texts[heads][at] or ''
        if text == '' or text == '–' then classes[#classes + 1] = 'blank' end
      end
      if stacks or classes[1] then cells[row][at].attr = pandoc.Attr('', classes, attributes) end
    end
  end
end

local function html_table(block, caption)
  default_widths(block)
  local texts, cells, heads = texts_of(block)
  local classes = layout(block, texts)
  mark_cells(texts, cells, heads, classes:match 'stacks')
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
  local longest, total = longest_cells(block, texts_of(block)), 0
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
  local out = pandoc.Blocks {
    raw('#data-table((' .. typst_columns(block) .. ',), (' .. table.concat(sides, ', ') .. ',), (')
  }
  for _, row in ipairs(block.head.rows) do typst_cells(out, row) end
  out:insert(raw '), (')
  for _, body in ipairs(block.bodies) do
    for _, row in ipairs(body.body) do typst_cells(out, row) end
  end
  if #caption == 0 then
    out:insert(raw '))')
    return out
  end
  out:extend { raw '), caption: [', pandoc.Plain(caption), raw('])' .. label) }
  return out
end

-- Letters that a line of text of a table in Word holds, in the usual and in the small size, and
-- how many the edges of a cell take.
local LINE, SMALL_LINE, EDGES = 90, 108, 3

-- How wide a text is, and its longest word, in letters; an ideograph is two, and a word of its own.
local function letters_of(text)
  local whole, word, longest = 0, 0, 0
  for _, code in utf8.codes(text) do
    local is_wide = code >= 0x2e80
    whole = whole + (is_wide and 2 or 1)
    word = (code == 32 or is_wide) and 0 or word + 1
    longest = math.max(longest, word, is_wide and 2 or 0)
  end
  return whole, longest
end

-- Of each column the letters of its longest word, and those that it would like to have. A short number
-- with its interval counts as a word.
local function docx_needs(block, number)
  local words, wishes = {}, {}
  local function take(at, cell, most)
    local whole, longest = letters_of(pandoc.utils.stringify(cell.contents))
    local is_number = block.colspecs[at][1] == 'AlignRight' and most > 14 and whole <= number
    words[at] = math.max(words[at] or 0, is_number and whole or longest)
    wishes[at] = math.max(wishes[at] or 0, math.min(whole, most), longest)
  end
  for _, row in ipairs(block.head.rows) do
    for at, cell in ipairs(row.cells) do take(at, cell, 14) end
  end
  for _, body in ipairs(block.bodies) do
    for _, row in ipairs(body.body) do
      for at, cell in ipairs(row.cells) do take(at, cell, 60) end
    end
  end
  return words, wishes
end

local function sum(numbers_of, edge)
  local total = 0
  for _, number in ipairs(numbers_of) do total = total + number + edge end
  return total
end

-- Widths by which words and numbers stay whole and long texts share what is left.
local function docx_widths(block)
  local words, wishes = docx_needs(block, 24)
  if sum(words, EDGES) > SMALL_LINE then words, wishes = docx_needs(block, 0) end
  local is_small = sum(wishes, EDGES) > LINE
  local line = is_small and SMALL_LINE or LINE
  local least, wanted = sum(words, EDGES), sum(wishes, EDGES)
  local spare, hunger = math.max(0, math.min(line, wanted) - least), 0
  for at in ipairs(words) do hunger = hunger + (wishes[at] - words[at]) ^ 0.8 end
  for at, word in ipairs(words) do
    local share = hunger > 0 and (wishes[at] - word) ^ 0.8 / hunger or 0
    block.colspecs[at] = { block.colspecs[at][1], (word + EDGES + spare * share) / math.max(line, least) }
  end
  return is_small
end

local function in_small_type(block)
  local _, cells = texts_of(block)
  for _, row in ipairs(cells) do
    for _, cell in ipairs(row) do
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
  local title = pandoc.Div(pandoc.Para { anchor }, { ['custom-style'] = 'Caption' })
  if #caption == 0 then return { block } end
  return pandoc.Blocks { title, block }
end

local function with_caption(block)
  local caption = caption_inlines(block)
  return of_format(html_table, typst_table, docx_table)(block, caption)
end

-- Inlines ---------------------------------------------------------------------------------------

-- The number of a section stands in its heading alone, so only that is asked for.
local function word_reference(kind, id, number)
  local look = '<w:rPr><w:rStyle w:val="Hyperlink"/></w:rPr>'
  local called = WORDS[kind] .. '\u{a0}'
  if kind ~= 'sec' then return word_field('REF ' .. bookmark_name(id) .. ' \\h', called .. number, look) end
  return word_run(called, look) .. word_field('REF ' .. bookmark_name(id) .. ' \\r \\h', number, look)
end

local function reference(cite)
  local out = pandoc.Inlines {}
  for position, citation in ipairs(cite.citations) do
    local kind = citation.id:match '^(%a+)%-'
    local number, title = numbers[citation.id], titles[citation.id] or ''
    if in_parts and WORDS[kind] then
      number = mark('number', citation.id)
      title = kind == 'sec' and mark('title', citation.id) or ''
    end
    if not (WORDS[kind] and number) then
      if in_quarto then return nil end
      complain('unresolved reference @' .. citation.id)
      return nil
    end
    if position > 1 then out:extend { pandoc.Str ',', pandoc.Space() } end
    local text = WORDS[kind] .. '\u{a0}' .. number
    if is_docx then
      out:insert(word_xml(word_reference(kind, citation.id, number)))
    else out:insert(pandoc.Link({ pandoc.Str(text) }, '#' .. citation.id, title, { class = 'xref' })) end
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

-- A larger file stays in the run folder.
local MOST_ATTACHED = 2000000
local attached = {}

-- Whether the PDF carries a file beside the document; it is attached where it is first named.
local function attach(path)
  if attached[path] == nil then
    local file = path:match '^%a+/[%w-]+%.%l+$' and io.open(path, 'rb')
    attached[path] = file and file:seek 'end' <= MOST_ATTACHED or false
    if file then file:close() end
    if attached[path] then return { raw_inline('#attach(' .. typst_string('/' .. path) .. ')') } end
  end
  return attached[path] and {} or nil
end

-- A table is attached as CSV, a page of the same rows is not: in "page (CSV)" the page is named by
-- the CSV, and "CSV" says where it is.
local function typst_file(element)
  local path = element.target:gsub('^(tables/.*)%.html$', '%1.csv')
  local out = pandoc.Inlines(attach(path) or {})
  local is_named = element.content[1].t == 'Code' or element.content[1].t == 'Span'
  if is_named then out:insert(pandoc.Code(path)) end
  if is_named and path ~= element.target then return out end
  local place = pandoc.Str(WORDS[attached[path] and 'attached' or 'beside'])
  if is_named then out:extend { pandoc.Space(), pandoc.Str('('), place, pandoc.Str(')') } else out:insert(place) end
  return out
end

local function link(element)
  if element.classes:includes 'csv' then
    if not is_html then return {} end
    element.attributes.download = ''
    return element
  end
  if element.classes:includes 'file' and is_typst then return typst_file(element) end
  if element.classes:includes 'file' and not is_html then return element.content end
  if is_html and element.target:match '^https?:' then
    element.attributes.rel = 'noopener noreferrer'
    return element
  end
end

-- The page's title is the first heading of the page, so that sections are the second.
local function html_header(header)
  local number = numbers[header.identifier]
  if in_parts and not header.classes:includes 'unnumbered' then
    local title = pandoc.utils.stringify(header.content)
    table.insert(held.sec, { level = header.level, id = header.identifier, title = title })
    number = mark('number', header.identifier)
  end
  if number then
    header.content:insert(1, pandoc.Space())
    header.content:insert(1, pandoc.Span({ pandoc.Str(number) }, { class = 'number' }))
  end
  header.level = math.min(header.level + 1, 6)
  return header
end

-- Word numbers headings by their style.
local contents = {}

local function docx_header(header)
  local id = header.identifier
  if header.level <= 2 and numbers[id] then
    contents[#contents + 1] = { level = header.level, id = id, number = numbers[id], title = titles[id] }
  end
  if numbers[id] then
    bookmark_number = bookmark_number + 1
    local number = ' w:id="' .. bookmark_number .. '"'
    header.content:insert(1, word_xml('<w:bookmarkStart' .. number .. ' w:name="' .. bookmark_name(id) .. '"/>'))
    header.content:insert(word_xml('<w:bookmarkEnd' .. number .. '/>'))
  end
  return header
end

-- The contents with its entries. Which page each is on only Word knows: it fills these in when the
-- field is updated, and shows no number before, since it could be wrong.
local function docx_contents(title)
  local out = { '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/><w:docPartUnique/>'
    .. '</w:docPartObj></w:sdtPr><w:sdtContent><w:p><w:pPr><w:pStyle w:val="TOCHeading"/></w:pPr>'
    .. word_run(title) .. '</w:p>' }
  for at, entry in ipairs(contents) do
    local opened = at > 1 and '' or field_end 'begin'
      .. '<w:r><w:instrText xml:space="preserve"> TOC \\o "1-2" \\h \\z \\u </w:instrText></w:r>' .. field_end 'separate'
    local tab = '<w:r><w:tab/></w:r>'
    out[#out + 1] = '<w:p><w:pPr><w:pStyle w:val="TOC' .. entry.level .. '"/></w:pPr>' .. opened
      .. '<w:hyperlink w:anchor="' .. bookmark_name(entry.id) .. '" w:history="1">' .. word_run(entry.number)
      .. tab .. word_run(entry.title) .. tab
      .. word_field('PAGEREF ' .. bookmark_name(entry.id) .. ' \\h', '') .. '</w:hyperlink></w:p>'
  end
  out[#out + 1] = '<w:p>' .. field_end 'end' .. '</w:p></w:sdtContent></w:sdt>'
  return pandoc.RawBlock('openxml', table.concat(out))
end

local function plain_code(block)
  block.attributes.shortcodes = nil
  return block
end

-- What the head says of the document, as texts of Typst: its template sets them outside of content.
local function typst_head(meta)
  local function text(value) return pandoc.MetaInlines { raw_inline(typst_string(value)) } end
  local language, region = '', ''
  if meta.lang then language, region = pandoc.utils.stringify(meta.lang):match '^(%a+)%-?(%w*)' end
  if language ~= '' then meta['language'] = text(language:lower()) end
  if region ~= '' and #region == 2 then meta['region'] = text(region:upper()) end
  for _, name in ipairs { 'author', 'date', 'description' } do
    if meta[name] then meta[name .. '-text'] = text(pandoc.utils.stringify(meta[name])) end
  end
  local paper = meta.papersize and pandoc.utils.stringify(meta.papersize)
  meta.paper = text(paper == 'letter' and 'us-letter' or paper or 'a4')
  local words = pandoc.List {}
  for _, word in ipairs(meta.keywords or {}) do words:insert(text(pandoc.utils.stringify(word))) end
  if #words > 0 then meta['keyword-texts'] = words end
end

-- Few walks: each costs a tenth of a second on a long report.
function Pandoc(doc)
  in_parts = doc.meta['in-parts'] ~= nil
  if not in_parts then
    doc:walk {
      traverse = 'topdown', Header = count_section,
      Figure = counter_of 'fig', Table = counter_of 'tbl',
    }
  end
  local out = doc:walk {
    Cite = reference, RawInline = not in_quarto and RawInline or nil, Span = span, Link = link,
    CodeBlock = not in_quarto and plain_code or nil,
    Math = is_typst and typst_math or nil,
    Header = is_html and html_header or is_docx and docx_header or nil, Figure = figure, Table = with_caption,
  }
  if is_typst then typst_head(out.meta) end
  if is_docx then
    out.meta.subject = out.meta.description
    local title = out.meta['toc-title'] and pandoc.utils.stringify(out.meta['toc-title'])
    if title and #contents > 0 then out.blocks:insert(1, docx_contents(title)) end
  end
  if in_parts then
    out.blocks:insert(raw('<!--\u{e002}' .. pandoc.json.encode(held) .. '\u{e003}-->'))
  end
  return out
end

local function learn_words(meta)
  for kind in pairs(WORDS) do WORDS[kind] = pandoc.utils.stringify(meta['word-' .. kind] or '') end
end

return {
  { Meta = learn_words },
  { Div = prepared, Blocks = is_typst and with_reading or nil, Table = in_quarto and named or nil },
  { RawBlock = not in_quarto and RawBlock or nil, Div = Div },
  { Pandoc = Pandoc },
}
