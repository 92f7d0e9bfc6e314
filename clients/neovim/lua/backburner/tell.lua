--- What is told in a sentence.

local M = {}

--- Whether it is Neovim itself that shows messages, and no plugin with more room for them.
--- @return boolean
local function is_built_in()
  local source = assert(debug.getinfo(vim.notify, 'S')).source
  -- A file within Neovim's program; 0.12 leaves out which.
  return vim.startswith(source, '@vim/') or source == '=?'
end

--- On the screen no longer than a line, as 'shortmess' has it, so that nobody has to press <CR>; whole in `:messages`.
--- @param sentence string
--- @param highlight string
local function echo(sentence, highlight)
  -- Not while an Ex command runs: what it shows is never shortened.
  vim.schedule(function()
    vim.cmd.echohl(highlight)
    vim.cmd.echomsg(vim.fn.string((sentence:gsub('\n', ' '))))
    vim.cmd.echohl('None')
  end)
end

--- @param sentence string
--- @param level integer?
--- @param highlight string
local function tell(sentence, level, highlight)
  sentence = 'backburner: ' .. sentence
  if is_built_in() then
    echo(sentence, highlight)
  else
    vim.notify(sentence, level)
  end
end

--- What came of something.
--- @param sentence string
function M.info(sentence)
  tell(sentence, vim.log.levels.INFO, 'None')
end

--- What stands in the way.
--- @param sentence string
function M.warn(sentence)
  tell(sentence, vim.log.levels.WARN, 'WarningMsg')
end

return M
