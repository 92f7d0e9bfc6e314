--- What the server offers at a place: chosen from a list, then done, with our own ways to ask and to show.

local client = require('backburner.client')
local delegate = require('backburner.delegate')

local M = {}

--- Run a lens, code action or row of the server. What needs words asks for them; what shows something is shown by us.
--- @param action {command: string, arguments: table?}
function M.act(action)
  local name = action.command:gsub('^backburner%.', '')
  local given = action.arguments or {}
  -- A list in lenses and code actions, the object itself in the answer of `actions`.
  local argument = given[1] or given --- @type table
  local review = require('backburner.review')
  if name == 'delegate' and not argument.instruction and not argument.recipe then
    delegate.ask(argument.targets, argument.prompt)
  elseif (name == 'reply' or name == 'steer' or name == 'answer') and not argument.text then
    require('backburner.tasks').say(name, argument.task)
  elseif name == 'read' then
    review.read(argument.task)
  elseif name == 'draft' then
    require('backburner.documents').open(argument.task, true)
  elseif name == 'ui.review' then
    review.diff(argument.task)
  elseif name == 'next' then
    review.next_result(argument.task)
  elseif name == 'show' then
    require('backburner.queue').open()
  elseif require('backburner.setup')[name] then
    require('backburner.setup')[name](argument)
  else
    client.command(name, next(argument) and argument or vim.empty_dict(), function()
      review.refresh()
      require('backburner.marks').refresh_all()
    end)
  end
end

--- @param found {title: string, command: string, arguments: table}[]
local function choose_from(found)
  vim.ui.select(found, {
    prompt = 'Backburner here:',
    kind = 'backburner_action',
    format_item = function(action)
      return action.title
    end,
  }, function(action)
    if action then
      M.act(action)
    end
  end)
end

--- Everything that can be done at the cursor, with the problems of other servers; in the queue, with the row.
--- @param call backburner.Call
function M.choose(call)
  local row = require('backburner.queue').row()
  if row then
    return choose_from(row.actions)
  end
  client.command('actions', { place = delegate.with_alike(delegate.here(call.range)) }, function(found)
    choose_from(found.actions)
  end)
end

return M
