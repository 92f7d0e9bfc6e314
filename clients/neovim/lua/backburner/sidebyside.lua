--- Neovim's own diff in a tab: the live buffer left, the proposal merged onto it right. `:w` right keeps your edits to the
--- proposal; only accept accepts. `do` and `dp` work as usual.

local client = require('backburner.client')

local M = {}

--- Proposal buffers on the screen.
local proposals = {} --- @type table<integer, {task: integer, path: string}>

--- @param bufnr integer
--- @param file backburner.File
local function fill(bufnr, file)
  local text = (file.merged or file.live or ''):gsub('\n$', '')
  local lines = vim.split(text, '\n')
  if not vim.deep_equal(lines, vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)) then
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, false, lines)
  end
  vim.bo[bufnr].modified = false
end

--- Keep the proposals in step with the live text and the verdicts; one that the person is editing is left alone.
function M.refresh()
  for bufnr, shown in pairs(proposals) do
    if not vim.api.nvim_buf_is_valid(bufnr) then
      proposals[bufnr] = nil
    elseif not vim.bo[bufnr].modified then
      client.command('proposal', shown, function(answer)
        local file = answer.files[1]
        if file and vim.api.nvim_buf_is_valid(bufnr) and not vim.bo[bufnr].modified then
          fill(bufnr, file)
        end
      end)
    end
  end
end

--- @param task integer
--- @param file backburner.File
--- @return integer bufnr
local function proposal_buffer(task, file)
  local name = ('backburner://proposal/%d/%s'):format(task, file.path)
  local old = vim.fn.bufnr(name)
  if old > 0 then
    vim.api.nvim_buf_delete(old, { force = true })
  end
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, name)
  fill(bufnr, file)
  proposals[bufnr] = { task = task, path = file.path }
  vim.b[bufnr].backburner_task = task
  vim.bo[bufnr].buftype = 'acwrite'
  vim.bo[bufnr].bufhidden = 'wipe'
  vim.bo[bufnr].filetype = vim.filetype.match({ filename = file.path }) or ''
  vim.api.nvim_create_autocmd('BufWriteCmd', {
    buffer = bufnr,
    callback = function()
      local lines = vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)
      client.command('proposal', { task = task, path = file.path, text = table.concat(lines, '\n') .. '\n' }, function()
        vim.bo[bufnr].modified = false
      end)
    end,
  })
  return bufnr
end

--- @param task integer
--- @param fetch fun(task: integer, done: fun(files: backburner.File[]))
function M.open(task, fetch)
  fetch(task, function(files)
    if #files == 0 then
      return require('backburner.review').document(task, false)
    end
    local file = files[1]
    if #files > 1 then
      vim.ui.select(files, {
        prompt = ('#%d Review which file?'):format(task),
        kind = 'backburner_file',
        format_item = function(item)
          return item.path
        end,
      }, function(choice)
        if choice then
          M.show(task, choice)
        end
      end)
      return
    end
    M.show(task, file)
  end)
end

--- @param task integer
--- @param file backburner.File
function M.show(task, file)
  require('backburner.review').later()
  vim.cmd('tab split ' .. vim.fn.fnameescape(vim.uri_to_fname(file.uri)))
  local left = vim.api.nvim_get_current_win()
  vim.cmd.diffthis()
  vim.cmd('rightbelow vsplit')
  local right = vim.api.nvim_get_current_win()
  vim.api.nvim_win_set_buf(right, proposal_buffer(task, file))
  vim.cmd.diffthis()
  vim.wo[right].winbar = ('#%d proposal  :w keeps edits'):format(task)
  vim.api.nvim_set_current_win(left)
  local group = vim.api.nvim_create_augroup('backburner_sidebyside_' .. left, { clear = true })
  for _, window in ipairs({ left, right }) do
    vim.api.nvim_create_autocmd('WinClosed', {
      group = group,
      pattern = tostring(window),
      once = true,
      callback = function()
        vim.api.nvim_del_augroup_by_id(group)
        local other = window == left and right or left
        vim.schedule(function()
          if vim.api.nvim_win_is_valid(other) and #vim.api.nvim_list_wins() > 1 then
            if other == right then
              vim.api.nvim_win_close(other, true)
            else
              vim.api.nvim_win_call(other, function()
                vim.cmd.diffoff()
              end)
            end
          end
        end)
      end,
    })
  end
end

return M
