--- What makes it usable: a key, practice, what works here, and what a project's settings may do. Each function is named after
--- its command and takes the argument of it.

local client = require('backburner.client')
local documents = require('backburner.documents')
local tell = require('backburner.tell')

local M = {}

local ANOTHER = 'Another…'
local OTHER_WAYS = 'Other ways to hand one over'

--- Ask for the key of a task's agent; where none is named, whose key it is first.
--- @param argument {task: integer?, uri: string?}
function M.setKey(argument)
  client.command('setKey', next(argument) and argument or vim.empty_dict(), function(answer)
    if answer.variable ~= '' then
      return require('backburner.keys').ask(answer.variable)
    end
    local choices = vim.list_extend({}, answer.keys) --- @type {title: string, variable: string?}[]
    vim.list_extend(choices, { { title = ANOTHER }, { title = OTHER_WAYS } })
    vim.ui.select(choices, {
      prompt = 'Whose key?',
      kind = 'backburner_key',
      format_item = function(choice)
        return choice.variable and ('%s (%s)'):format(choice.title, choice.variable) or choice.title
      end,
    }, function(choice)
      if not choice then
        return
      elseif choice.variable then
        require('backburner.keys').ask(choice.variable)
      elseif choice.title == OTHER_WAYS then
        documents.show('key', answer.text)
      else
        vim.ui.input({ prompt = 'Name of the variable: ' }, function(variable)
          if variable and variable ~= '' then
            require('backburner.keys').ask(variable)
          end
        end)
      end
    end)
  end)
end

function M.doctor()
  client.command('doctor', vim.empty_dict(), function(answer)
    documents.show('doctor', answer.text)
  end)
end

function M.today()
  client.command('today', { uri = client.root_uri() }, function(answer)
    documents.show('today', answer.text)
  end)
end

function M.practise()
  client.command('practise', vim.empty_dict(), function(sample)
    require('backburner.windows').go_to(sample.uri)
    pcall(vim.api.nvim_win_set_cursor, 0, { sample.line + 1, 0 })
  end)
end

--- Show a project's file as it is on disk, and ask; with `sha256`, of bytes that were read before, approve at once.
--- @param argument {path: string?, sha256: string?}
function M.trust(argument)
  client.command('trust', next(argument) and argument or vim.empty_dict(), function(answer)
    if argument.sha256 or answer.sha256 == '' then
      return
    elseif answer.approved then
      tell.info(answer.sentence)
      return
    end
    documents.show(vim.fs.basename(answer.path), answer.text, true)
    vim.cmd.redraw()
    vim.ui.select({ 'Approve', 'Not now' }, {
      prompt = ('Approve exactly these contents of %s?'):format(answer.path),
      kind = 'backburner_trust',
    }, function(choice)
      if choice == 'Approve' then
        client.command('trust', { path = answer.path, sha256 = answer.sha256 })
      end
    end)
  end)
end

return M
