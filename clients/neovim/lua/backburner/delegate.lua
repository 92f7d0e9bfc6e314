--- From the code to a running agent: a place, an instruction, one command.

local client = require('backburner.client')
local tell = require('backburner.tell')

local M = {}

local RECENT = 20

local repeated = nil --- @type string? what the operator was told; `.` does that again

--- @class (exact) backburner.Place
--- @field uri string
--- @field start_line integer
--- @field start_character integer
--- @field end_line integer
--- @field end_character integer
--- @field whole_file boolean?
--- @field diagnostics table[]

--- A problem as LSP has it.
--- @param problem vim.Diagnostic
--- @return table
function M.as_lsp(problem)
  return {
    range = {
      start = { line = problem.lnum, character = problem.col },
      ['end'] = { line = problem.end_lnum or problem.lnum, character = problem.end_col or problem.col },
    },
    severity = problem.severity,
    message = problem.message,
    source = problem.source,
    code = problem.code,
  }
end

--- Problems of *other* servers in lines of a buffer: Neovim's own code action request leaves them out.
--- @param bufnr integer
--- @param first integer zero-based
--- @param last integer zero-based, inclusive
--- @return table[]
local function diagnostics(bufnr, first, last)
  local found = {} --- @type table[]
  for _, problem in ipairs(vim.diagnostic.get(bufnr)) do
    if problem.source ~= 'backburner' and problem.lnum <= last and (problem.end_lnum or problem.lnum) >= first then
      found[#found + 1] = M.as_lsp(problem)
    end
  end
  return found
end

--- @param first integer zero-based
--- @param last integer? zero-based, inclusive; nil: the symbol around `first`
--- @return backburner.Place
function M.place(first, last)
  local bufnr = vim.api.nvim_get_current_buf()
  return {
    uri = vim.uri_from_bufnr(bufnr),
    start_line = first,
    start_character = 0,
    end_line = last and last + 1 or -1,
    end_character = 0,
    diagnostics = diagnostics(bufnr, first, last or first),
  }
end

--- The same with the problems of the whole file, so that "all like this" can be offered.
--- @param place backburner.Place
--- @return backburner.Place
function M.with_alike(place)
  local bufnr = vim.api.nvim_get_current_buf()
  place.diagnostics = diagnostics(bufnr, 0, vim.api.nvim_buf_line_count(bufnr))
  return place
end

--- The lines of a range, or the symbol at the cursor.
--- @param range [integer, integer]? one-based, inclusive
--- @return backburner.Place
function M.here(range)
  if range then
    return M.place(range[1] - 1, range[2] - 1)
  end
  return M.place(vim.fn.line('.') - 1)
end

--- @param instruction string
local function remember(instruction)
  local recent = vim.g.BACKBURNER_RECENT or {} --- @type string[]
  recent = vim.tbl_filter(function(item)
    return item ~= instruction
  end, recent)
  table.insert(recent, 1, instruction)
  -- An upper-case global survives in the shada file, when 'shada' has `!`.
  vim.g.BACKBURNER_RECENT = vim.list_slice(recent, 1, RECENT)
end

--- @return string[]
function M.recent()
  return vim.g.BACKBURNER_RECENT or {}
end

--- Start it. Each project has a server of its own, which knows what is not saved there.
--- @param instruction string
--- @param places backburner.Place[]
function M.start(instruction, places)
  remember(instruction)
  local targets = {} --- @type table<integer, backburner.Place[]> by the buffer from which their server is asked
  for _, place in ipairs(places) do
    local bufnr = client.buffer_for(place.uri)
    targets[bufnr] = targets[bufnr] or {}
    table.insert(targets[bufnr], place)
  end
  for bufnr, own in pairs(targets) do
    vim.api.nvim_buf_call(bufnr, function()
      client.command('delegate', { instruction = instruction, targets = own })
    end)
  end
end

--- Ask for the instruction in one input, then start it. Nothing happens when it is left.
--- @param places backburner.Place[]
--- @param prompt string? of one place the server knows it
--- @param told fun(instruction: string)?
function M.ask(places, prompt, told)
  if #places == 1 and not prompt then
    return client.command('places', { place = places[1] }, function(answer)
      M.ask(places, answer.prompt, told)
    end)
  end
  vim.ui.input({ prompt = (prompt or 'What should be done?') .. ' ' }, function(instruction)
    if instruction and instruction ~= '' then
      if told then
        told(instruction)
      end
      M.start(instruction, places)
    end
  end)
end

--- Start it with these words; without any, ask for them.
--- @param words string[]
--- @param places backburner.Place[]
--- @param prompt string?
function M.start_or_ask(words, places, prompt)
  if #words > 0 then
    M.start(table.concat(words, ' '), places)
  else
    M.ask(places, prompt)
  end
end

--- Choose one of the last instructions.
--- @param place backburner.Place
function M.ask_recent(place)
  if #M.recent() == 0 then
    tell.info('nothing was delegated with words yet.')
    return
  end
  vim.ui.select(M.recent(), { prompt = 'Again, here:', kind = 'backburner_recent' }, function(instruction)
    if instruction then
      M.start(instruction, { place })
    end
  end)
end

--- The operator: `<Plug>(backburner-delegate){motion}`. Repeated with `.`, it takes the words that it was told; when it was
--- told none, it asks again.
--- @return string keys for an expression mapping
function M.operator()
  repeated = nil
  vim.go.operatorfunc = "v:lua.require'backburner.delegate'.operate"
  return 'g@'
end

function M.operate()
  local first = vim.fn.line("'[") - 1
  local last = vim.fn.line("']") - 1
  local place = M.place(first, last)
  if repeated then
    return M.start(repeated, { place })
  end
  vim.schedule(function()
    M.ask({ place }, nil, function(instruction)
      repeated = instruction
    end)
  end)
end

return M
