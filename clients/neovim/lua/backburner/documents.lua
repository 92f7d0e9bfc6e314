--- The unified diff of a result or draft, or a report, in an ordinary read-only buffer, kept in step with the server.

local client = require('backburner.client')

local M = {}

local documents = {} --- @type table<integer, {task: integer, draft: boolean}>

--- @param bufnr integer
--- @param answer {text: string, uri: string}
local function fill(bufnr, answer)
  local lines = vim.split(answer.text, '\n')
  if not vim.deep_equal(lines, vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)) then
    vim.bo[bufnr].modifiable = true
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
    vim.bo[bufnr].modifiable = false
  end
  local kind = vim.endswith(answer.uri, '.md') and 'markdown' or 'diff'
  if vim.bo[bufnr].filetype ~= kind then
    vim.bo[bufnr].filetype = kind
  end
end

--- Open one.
--- @param task integer
--- @param draft boolean
function M.open(task, draft)
  client.command('diff', { task = task, draft = draft }, function(answer)
    local name = ('backburner://%s/%d'):format(draft and 'draft' or 'result', task)
    local bufnr = vim.fn.bufnr('^' .. name .. '$')
    if bufnr < 0 then
      bufnr = vim.api.nvim_create_buf(false, true)
      vim.api.nvim_buf_set_name(bufnr, name)
      vim.bo[bufnr].bufhidden = 'wipe'
      vim.b[bufnr].backburner_task = task
      client.remember(bufnr)
      vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = bufnr, desc = 'Close' })
    end
    documents[bufnr] = { task = task, draft = draft }
    local window = vim.fn.win_findbuf(bufnr)[1]
    if window then
      vim.api.nvim_set_current_win(window)
    else
      vim.cmd('botright split')
      vim.api.nvim_win_set_buf(0, bufnr)
    end
    fill(bufnr, answer)
  end)
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
            fill(bufnr, answer)
          end
        end)
      end)
    end
  end
end

return M
