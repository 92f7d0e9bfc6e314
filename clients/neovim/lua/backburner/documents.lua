--- What is read, in an ordinary read-only buffer: the unified diff of a result or draft, or a report, kept in step with the
--- server; and texts about no task.

local client = require('backburner.client')

local M = {}

local documents = {} --- @type table<integer, {task: integer, draft: boolean}>

--- @param bufnr integer
--- @param text string
--- @param kind string of file
local function fill(bufnr, text, kind)
  local lines = vim.split(text, '\n')
  if not vim.deep_equal(lines, vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)) then
    vim.bo[bufnr].modifiable = true
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
    vim.bo[bufnr].modifiable = false
  end
  if vim.bo[bufnr].filetype ~= kind then
    vim.bo[bufnr].filetype = kind
  end
end

--- @param answer {uri: string}
--- @return string
local function kind_of(answer)
  return vim.endswith(answer.uri, '.md') and 'markdown' or 'diff'
end

--- Go to the buffer of this name, which is made when there is none.
--- @param name string
--- @param above boolean? the other windows
--- @return integer bufnr
local function go_to(name, above)
  local bufnr = vim.fn.bufnr('^' .. name .. '$')
  if bufnr < 0 then
    bufnr = vim.api.nvim_create_buf(false, true)
    vim.api.nvim_buf_set_name(bufnr, name)
    vim.bo[bufnr].bufhidden = 'wipe'
    client.remember(bufnr)
    vim.keymap.set('n', 'q', require('backburner.windows').leave, { buffer = bufnr, desc = 'Close' })
  end
  local window = vim.fn.win_findbuf(bufnr)[1]
  if window then
    vim.api.nvim_set_current_win(window)
  else
    vim.cmd(above and 'topleft split' or 'botright split')
    vim.api.nvim_win_set_buf(0, bufnr)
  end
  return bufnr
end

--- Open one of a task.
--- @param task integer
--- @param draft boolean
function M.open(task, draft)
  client.command('diff', { task = task, draft = draft }, function(answer)
    local bufnr = go_to(('backburner://%s/%d'):format(draft and 'draft' or 'result', task))
    vim.b[bufnr].backburner_task = task
    documents[bufnr] = { task = task, draft = draft }
    fill(bufnr, answer.text, kind_of(answer))
  end)
end

--- Show a text about no task, in a window that is no higher than it.
--- @param name string whose ending says what kind of file it is; without one it is Markdown
--- @param text string
--- @param above boolean? where a question below does not cover it
function M.show(name, text, above)
  local bufnr = go_to('backburner://text/' .. name, above)
  fill(bufnr, (text:gsub('\n$', '')), vim.filetype.match({ filename = name }) or 'markdown')
  vim.wo[0][0].linebreak = true
  vim.api.nvim_win_set_height(0, math.min(vim.api.nvim_win_get_height(0), vim.api.nvim_win_text_height(0, {}).all))
end

--- What the cursor is on in a diff document: the ids stand in its `@@` lines.
--- @return integer? task, string[] hunks
function M.here()
  local shown = documents[vim.api.nvim_get_current_buf()]
  if not shown or shown.draft then
    return nil, {}
  end
  for number = vim.fn.line('.'), 1, -1 do
    local line = vim.api.nvim_buf_get_lines(0, number - 1, number, true)[1] or ''
    local id = line:match('^@@ .- @@ (%d+%.%d+/%S.-:%d+)  ') or line:match('^@@ .- @@ (%d+%.%d+/%S.*:%d+)$')
    if id then
      return shown.task, { id }
    elseif vim.startswith(line, 'diff --git') then
      break
    end
  end
  return shown.task, {}
end

--- Draw again what is open.
function M.refresh()
  for bufnr, shown in pairs(documents) do
    if not vim.api.nvim_buf_is_valid(bufnr) then
      documents[bufnr] = nil
    else
      vim.api.nvim_buf_call(bufnr, function()
        client.command('diff', shown, function(answer)
          if vim.api.nvim_buf_is_valid(bufnr) then
            fill(bufnr, answer.text, kind_of(answer))
          end
        end)
      end)
    end
  end
end

return M
